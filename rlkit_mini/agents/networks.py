"""Networks and randomness for populations: every tensor has a leading `members` axis, and members never mix."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from rlkit_mini.streams import Streams

# Freeing one large block teaches glibc to keep memory, where it would hand it back and fetch it again every update
torch.empty(31 * 2**20, dtype=torch.uint8)


def _uniform_layer(streams: Streams, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    bound = 1 / math.sqrt(n_in)
    return bound * (2 * streams.draw(n_in, n_out) - 1), bound * (2 * streams.draw(1, n_out) - 1)


def _normal_layer(streams: Streams, n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    weight = streams.draw(n_in, n_out)
    return weight, np.zeros((len(weight), 1, n_out))


def _tanh_layer(weight: Tensor, bias: Tensor, inputs: Tensor) -> Tensor:
    """tanh x = 2 sigmoid(2 x) - 1: of the same speed on every processor, as `torch.tanh` is not."""
    outputs = torch.baddbmm(bias, weight, inputs, beta=2, alpha=2).sigmoid_()
    return torch.add(MINUS_ONE, outputs, alpha=2, out=outputs)


def _relu_layer(weight: Tensor, bias: Tensor, inputs: Tensor) -> Tensor:
    return torch.baddbmm(bias, weight, inputs).relu_()


MINUS_ONE = torch.tensor(-1.0)  # on the CPU: numbers are welcome on every device
HIDDEN = {  # name -> a layer, and the gradient before its activation from that after it and what the layer gave
    "tanh": (_tanh_layer, torch.ops.aten.tanh_backward),
    "relu": (_relu_layer, lambda gradient, outputs: torch.ops.aten.threshold_backward(gradient, outputs, 0)),
}


class _Layers(torch.autograd.Function):
    """All layers at once on columns (members, features, batch): few operations, and little memory, there and back."""

    @staticmethod
    def forward(ctx, columns: Tensor, activation: str, *parameters: Tensor) -> Tensor:
        weights, biases = parameters[::2], parameters[1::2]
        inputs = [columns]  # of each layer
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            inputs.append(HIDDEN[activation][0](weight, bias, inputs[-1]))
        ctx.activation = activation
        ctx.save_for_backward(*weights, *inputs)
        return torch.baddbmm(biases[-1], weights[-1], inputs[-1])

    @staticmethod
    def backward(ctx, gradient: Tensor):
        saved = ctx.saved_tensors
        weights, inputs = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        gradients: list[Tensor] = []
        for number in reversed(range(len(weights))):
            of_weight = torch.bmm(gradient, inputs[number].transpose(1, 2))
            gradients = [of_weight, gradient.sum(dim=-1, keepdim=True), *gradients]
            if number or ctx.needs_input_grad[0]:
                gradient = torch.bmm(weights[number].transpose(1, 2), gradient)
            if number:
                gradient = HIDDEN[ctx.activation][1](gradient, inputs[number])
        return gradient if ctx.needs_input_grad[0] else None, None, *gradients


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
            drawn = [torch.as_tensor(numbers, dtype=torch.float32) for numbers in layer(streams, n_in, n_out)]
            parameters = [nn.Parameter(numbers.transpose(1, 2).contiguous()) for numbers in drawn]
            self.register_parameter(f"weight{number}", parameters[0])
            self.register_parameter(f"bias{number}", parameters[1])
            self.layers.append(parameters)

    def forward(self, inputs: Tensor) -> Tensor:
        """(members, batch, in) -> (members, batch, out)."""
        parameters = itertools.chain(*self.layers)
        return _Layers.apply(inputs.transpose(1, 2), self.activation, *parameters).transpose(1, 2)


FREQUENCIES = 32  # of the random Fourier features


class FourierFeatures(nn.Module):
    """Random Fourier features (Tancik et al. 2020, arXiv 2006.10739): (members, batch, 2) -> (members, batch, 64).

    sin and cos of 2 pi B x, B ~ N(0, 1) and fixed: near positions become well separated inputs.
    """

    def __init__(self, seeds: Sequence[int], purpose: str) -> None:
        super().__init__()
        drawn = Streams(seeds, f"{purpose} frequencies", "standard_normal").draw(2, FREQUENCIES)
        frequencies = torch.as_tensor(2 * math.pi * drawn, dtype=torch.float32).transpose(1, 2)
        self.register_buffer("frequencies", torch.cat([frequencies, frequencies], dim=1))  # (members, 64, 2)
        shifts = torch.tensor([0.0, math.pi / 2]).repeat_interleave(FREQUENCIES)  # cos x = sin(x + pi / 2)
        self.register_buffer("shifts", shifts.unsqueeze(-1), persistent=False)  # (64, 1)

    def forward(self, observations: Tensor) -> Tensor:
        """(members, batch, 2) -> (members, batch, 64)."""
        phases = torch.baddbmm(self.shifts, self.frequencies, observations.transpose(1, 2))
        return phases.sin_().transpose(1, 2)


def observation_network(
    seeds: Sequence[int], purpose: str, outputs: int, hidden: Sequence[int] = (64, 64), features: str = "fourier"
) -> nn.Module:
    """A network on observations: (members, batch, 2) -> (members, batch, outputs).

    Args:
        features: "fourier" (random Fourier features, then ReLU layers, which learn these mazes in far fewer updates)
            or "raw" (the observation as it is, then tanh layers, as the course has it).

    Raises:
        ValueError: other features.
    """
    if features == "fourier":
        encoder = FourierFeatures(seeds, purpose)
        sizes = [encoder.frequencies.shape[1], *hidden, outputs]
        return nn.Sequential(encoder, PopulationMLP(seeds, purpose, sizes, "relu"))
    if features == "raw":
        return PopulationMLP(seeds, purpose, [2, *hidden, outputs], "tanh")
    raise ValueError(f"features is {features!r}; expected 'fourier' or 'raw'")


class Adam(torch.optim.Adam):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980) on a population: each member's parameters follow its own loss alone."""

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        super().__init__(parameters, lr=learning_rate, fused=True)

    def minimise(self, losses: Tensor) -> Tensor:
        """One step down the losses (members,); returns them without their graph."""
        self.zero_grad()
        losses.sum().backward()
        self.step()
        return losses.detach()
