"""Networks and their optimiser for populations: every tensor has a leading `members` axis, and members never mix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from rlkit_mini.streams import Streams


def _uniform_layer(streams: Streams, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    bound = 1 / math.sqrt(n_in)
    return bound * (2 * streams.draw(n_in, n_out) - 1), bound * (2 * streams.draw(1, n_out) - 1)


def _normal_layer(streams: Streams, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    weight = streams.draw(n_in, n_out)
    return weight, np.zeros((len(weight), 1, n_out))


def _tanh(inputs: Tensor) -> Tensor:
    """2 sigmoid(2 x) - 1, which is tanh x: on some processors a quarter of `torch.tanh`'s time."""
    return 2 * torch.sigmoid(2 * inputs) - 1


ACTIVATIONS = {"tanh": _tanh, "relu": torch.relu_}


class PopulationMLP(nn.Module):
    """Multilayer perceptrons, one per member: (members, batch, in) -> (members, batch, out), a product per layer.

    Inside, the columns are transitions, (members, features, batch): products with few outputs, such as five
    Q-values, are several times faster this way round.

    Args:
        seeds, purpose: of the initial weights.
        sizes: in, hidden..., out.
        activation: "tanh" or "relu".
        initial: "uniform", all parameters within 1 / sqrt(in), or "normal", N(0, 1) weights without biases.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        purpose: str,
        sizes: Sequence[int],
        activation: str = "tanh",
        initial: str = "uniform",
    ) -> None:
        super().__init__()
        self.activation = activation
        kind, layer = {"uniform": ("random", _uniform_layer), "normal": ("standard_normal", _normal_layer)}[initial]
        streams = Streams(seeds, f"{purpose} weights", kind)
        self.layers = []  # (weight (members, out, in), bias (members, out, 1)) of each layer
        for number, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            drawn = [torch.from_numpy(numbers).to(torch.float32) for numbers in layer(streams, n_in, n_out)]
            parameters = [nn.Parameter(numbers.transpose(1, 2).contiguous()) for numbers in drawn]
            self.register_parameter(f"weight{number}", parameters[0])
            self.register_parameter(f"bias{number}", parameters[1])
            self.layers.append(parameters)

    def forward(self, inputs: Tensor) -> Tensor:
        """(members, batch, in) -> (members, batch, out)."""
        columns = inputs.transpose(1, 2)
        for weight, bias in self.layers[:-1]:
            columns = ACTIVATIONS[self.activation](torch.baddbmm(bias, weight, columns))
        weight, bias = self.layers[-1]
        return torch.baddbmm(bias, weight, columns).transpose(1, 2)


FREQUENCIES = 32  # of the random Fourier features


class FourierFeatures(nn.Module):
    """Random Fourier features (Tancik et al. 2020, arXiv 2006.10739): (members, batch, size) -> (members, batch, 64).

    sin and cos of 2 pi B x, B ~ N(0, 1) and fixed: near positions become well separated inputs.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, size: int = 2) -> None:
        super().__init__()
        drawn = Streams(seeds, f"{purpose} frequencies", "standard_normal").draw(size, FREQUENCIES)
        frequencies = torch.from_numpy(2 * math.pi * drawn).to(torch.float32).transpose(1, 2)
        self.register_buffer("frequencies", torch.cat([frequencies, frequencies], dim=1))  # (members, 64, size)
        shifts = torch.zeros_like(self.frequencies[0, :, 0])
        shifts[FREQUENCIES:] = math.pi / 2  # cos x = sin(x + pi / 2)
        self.register_buffer("shifts", shifts.unsqueeze(-1), persistent=False)  # (64, 1)

    def forward(self, observations: Tensor) -> Tensor:
        """(members, batch, size) -> (members, batch, 64)."""
        phases = torch.baddbmm(self.shifts, self.frequencies, observations.transpose(1, 2))
        return phases.sin_().transpose(1, 2)


class Standardised(nn.Module):
    """Observations less their mean, over their scale, each number by itself: (members, batch, size), and so it stays.

    Before `train_offline`, `explore` or `fine_tune` sees what they are like, they pass as they are.
    """

    def __init__(self, members: int, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(members, 1, size, dtype=torch.float32, device="cpu"))
        self.register_buffer("scale", torch.ones(members, 1, size, dtype=torch.float32, device="cpu"))

    @property
    def is_set(self) -> bool:
        """Whether it knows what observations are like."""
        return bool((self.mean != 0).any() or (self.scale != 1).any())

    def forward(self, observations: Tensor) -> Tensor:
        """(members, batch, size) -> (members, batch, size)."""
        return (observations - self.mean) / self.scale


def observation_network(
    seeds: Sequence[int],
    purpose: str,
    outputs: int,
    hidden: Sequence[int] = (64, 64),
    features: str = "fourier",
    initial: str = "uniform",
    size: int = 2,
) -> nn.Module:
    """A network on observations: (members, batch, size) -> (members, batch, outputs).

    Args:
        features: "fourier" (random Fourier features, then ReLU layers, which learn these mazes in far fewer updates)
            or "raw" (the observation as it is, then tanh layers, as the course has it).
        initial: see `PopulationMLP`.

    Raises:
        ValueError: other features.
    """
    if features == "fourier":
        encoder = FourierFeatures(seeds, purpose, size)
        sizes = [encoder.frequencies.shape[1], *hidden, outputs]
        return nn.Sequential(encoder, PopulationMLP(seeds, purpose, sizes, "relu", initial))
    if features == "raw":
        return PopulationMLP(seeds, purpose, [size, *hidden, outputs], "tanh", initial)
    raise ValueError(f"features is {features!r}; expected 'fourier' or 'raw'")


ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}


class Adam:
    """Adam (Kingma & Ba 2015, arXiv 1412.6980) on a population: each member's parameters follow its own loss alone.

    For a small network torch's own optimiser takes five times as long around the same kernel.

    Attributes:
        means, squares: running means of each parameter's gradient, and of its square.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = torch.zeros((), dtype=torch.float32, device=self.parameters[0].device)

    def minimise(self, losses: Tensor) -> Tensor:
        """One step down the losses (members,); returns them without their graph."""
        gradients = torch.autograd.grad(losses.sum(), self.parameters)
        gradients = [gradient.contiguous() for gradient in gradients]  # the kernel asks for no other layout
        self.steps += 1
        tensors = (self.parameters, gradients, self.means, self.squares, [], [self.steps] * len(gradients))
        torch._fused_adam_(*tensors, lr=self.learning_rate, **ADAM)
        return losses.detach()
