"""What every agent is: a population over settings x seeds, with a policy, saved and loaded without executing code."""

from __future__ import annotations

import difflib
import inspect
import itertools
import json
import math
import operator
import os
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from rlkit_mini.files import whole_file
from rlkit_mini.pointmass import ACTIONS, sample_actions
from rlkit_mini.streams import Streams

# Hyperparameters that the losses use one value a member of, so that a list of them makes a sweep
SWEEPABLE = {
    "discount": "[0, 1)",
    "alpha": "[0, inf)",
    "temperature": "(0, inf)",
    "expectile": "(0, 1)",
    "rnd_weight": "[0, inf)",
    "epsilon": "[0, 1]",
}
# Those that shape the population as a whole
SHARED = {
    "learning_rate": "(0, inf)",
    "actor_learning_rate": "(0, inf)",
    "max_weight": "(0, inf)",
    "batch_size": "[1, inf)",
    "target_period": "[1, inf)",
    "rnd_features": "[1, inf)",
}
WHOLE = ("batch_size", "target_period", "rnd_features")
MOST_SEEDS = 100_000  # more would be a slip of the hand, and end in a lack of memory


class TrainingDivergedError(RuntimeError):
    """A loss became infinite or no number; `history` holds what was seen (or collected) until then."""

    def __init__(self, message: str, history) -> None:
        super().__init__(message)
        self.history = history

    def __reduce__(self):  # so that it also crosses from process to process
        return type(self), (*self.args, self.history)


class Agent(nn.Module):
    """A population of agents: every combination of the swept hyperparameters, each with every seed.

    Members are ordered settings first, seeds last: an array (..., members) reshapes to
    (..., *lengths of the swept lists, seeds).

    Attributes:
        seeds: (members,) the seed of each member.
        settings: each member's hyperparameters, a dict.
        grid: name -> values of the hyperparameters that were given as lists; each is kept as a (members, 1) tensor
            of its name, the others as the numbers they are.
        batch_size: transitions an update takes; 0 for an agent that does not learn.
    """

    batch_size = 0

    def __init__(self, *, seeds=1, device="cpu", **configuration) -> None:
        """`seeds`: how many (0, 1, ...) or which; `configuration`: everything else that a subclass was given."""
        super().__init__()
        signatures = [inspect.signature(kind.__init__).parameters.values() for kind in type(self).__mro__[:-2]]
        known = {p.name for parameters in signatures for p in parameters if p.kind == p.KEYWORD_ONLY}
        for name in configuration.keys() - known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(sorted(known))}"
            raise TypeError(f"{type(self).__name__} has no setting {name!r}; {hint}")
        distinct = _checked_seeds(seeds)
        self.configuration = {name: _checked(name, value) for name, value in configuration.items()} | {
            "seeds": distinct
        }
        self.grid = {
            name: value for name, value in self.configuration.items() if name in SWEEPABLE and isinstance(value, list)
        }
        combinations = list(itertools.product(*self.grid.values()))
        single = {name: value for name, value in self.configuration.items() if name in SWEEPABLE}
        self.settings = [
            single | dict(zip(self.grid, values, strict=True)) for values in combinations for _ in distinct
        ]
        self.seeds = np.array(distinct * len(combinations))
        self.device = _checked_device(device)
        for name, value in self.configuration.items():
            if name in self.grid:  # (members, 1), to broadcast against (members, batch)
                column = [[setting[name]] for setting in self.settings]
                value = torch.tensor(column, dtype=torch.float32, device=self.device)
            if name != "seeds":
                setattr(self, name, value)
        self.minibatches = Streams(self.seeds, "minibatches")
        self.environment_noise = Streams(self.seeds, "environment", "standard_normal")
        self.exploration = Streams(self.seeds, "exploration actions")

    @property
    def members(self) -> int:
        return len(self.seeds)

    def describe(self, member: int) -> str:
        """One member in words: its seed and its values of what was swept."""
        swept = ", ".join(f"{name} {self.settings[member][name]:g}" for name in self.grid)
        return f"seed {self.seeds[member]}" + (f", {swept}" if swept else "")

    def check_finite(self, losses: Tensor, update: int, history) -> None:
        """Raise a TrainingDivergedError that names the first member with a loss or a parameter that is not finite.

        Args:
            losses: (members,).
            update: the last one made; history: what to keep.
        """
        sound = losses.isfinite().cpu()
        for parameter in self.parameters():  # an actor can diverge while the critic's loss stays finite
            sound &= parameter.isfinite().flatten(1).all(dim=1).cpu()
        if not sound.all():
            bad = int(sound.int().argmin())
            what = "parameters are not finite" if losses[bad].isfinite() else f"loss is {losses[bad]:g}"
            raise TrainingDivergedError(
                f"member {bad} ({self.describe(bad)}) diverged before update {update}: its {what}; "
                "a smaller learning_rate or alpha may help, and the error's .history holds what came before",
                history,
            )

    def policy(self, observations, greedy: bool = True) -> Tensor:
        """Action probabilities (members, n, 5) at observations (n, 2) or (members, n, 2).

        `greedy` puts everything on the likeliest action; otherwise the distribution that `act` draws from.
        """
        with torch.no_grad():
            probabilities = self.action_probabilities(self.as_inputs(observations))
        if greedy:
            probabilities = nn.functional.one_hot(probabilities.argmax(dim=-1), len(ACTIONS)).to(probabilities.dtype)
        return probabilities

    def forward(self, *_) -> None:
        """An agent is no function: what is to be judged is its policy."""
        raise TypeError(f"{type(self).__name__} is an agent; expected its policy, agent.policy")

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The distribution that acts: (members, n, 2) -> (members, n, 5)."""
        raise NotImplementedError

    def act(self, observations, rng: np.random.Generator) -> np.ndarray:
        """Actions (members, n) at observations (n, 2) or (members, n, 2), drawn from the policy that acts."""
        probabilities = self.policy(observations, greedy=False).cpu().numpy()
        return sample_actions(probabilities, rng.random(probabilities.shape[:-1]))

    def as_inputs(self, observations) -> Tensor:
        """Observations (n, 2) or (members, n, 2), an array or a tensor, as (members, n, 2) float32."""
        observations = torch.as_tensor(observations, dtype=torch.float32, device=self.device)
        if observations.ndim not in (2, 3) or observations.shape[-1] != 2:
            raise ValueError(f"observations have shape {tuple(observations.shape)}; expected (n, 2) or (members, n, 2)")
        if observations.ndim == 3 and len(observations) not in (1, self.members):
            raise ValueError(f"observations are of {len(observations)} members; expected {self.members}, or 1 for all")
        return observations.expand(self.members, *observations.shape[-2:])

    def save(self, path: str | os.PathLike) -> None:
        """Write all members' tensors (safetensors) with the configuration (JSON in its header).

        What acts is kept to the bit; the optimisers' moments and the place in the random streams are not: a loaded
        agent that trains on begins with those of a new one.

        Raises:
            OSError: it cannot be written there; a file that was there before still is.
        """
        header = {type(self).__name__: json.dumps(self.configuration)}  # of two entries the order would not be fixed
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        with whole_file(path) as part:
            try:
                safetensors.torch.save_file(tensors, part, metadata=header)
            except safetensors.SafetensorError as error:
                raise OSError(f"{path} could not be written ({error})") from None

    @classmethod
    def load(cls, path: str | os.PathLike, device: str = "cpu") -> Agent:
        """Read what `save` wrote; functions given in place of the paper's are not saved, the paper's come back.

        Raises:
            FileNotFoundError, or ValueError where the file is no saved agent of this class.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no saved agent at {path}")
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
            tensors = safetensors.torch.load_file(path, device=str(_checked_device(device)))
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path} is damaged or no safetensors file ({error}); save the agent again") from None
        if cls.__name__ not in header:
            raise ValueError(f"{path} holds {', '.join(header) or 'no agent'}; expected {cls.__name__}")
        try:
            agent = cls(**json.loads(header[cls.__name__]), device=device)
            agent.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
            reason = " ".join(" ".join(str(error).splitlines()[:2]).split())  # torch's second line says what differs
            raise ValueError(f"{path} does not fit {cls.__name__} ({reason}); save the agent again") from None
        return agent


def check_agent(agent) -> None:
    """Raise a TypeError where something else than an agent was given, such as its class."""
    if not isinstance(agent, Agent):
        raise TypeError(f"agent is {agent!r}; expected an agent, such as CQL(alpha=1.0, seeds=4)")


def _checked_device(device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError, TypeError) as error:  # each kind of device has its own
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device is {device!r} ({reason}); expected 'cpu', or one that this machine has") from None


def _checked_seeds(seeds) -> list[int]:
    try:
        chosen = range(min(seeds, MOST_SEEDS + 1)) if np.ndim(seeds) == 0 else seeds
        distinct = [operator.index(seed) for seed in chosen]
    except TypeError:
        distinct = []
    if not 0 < len(set(distinct)) == len(distinct) <= MOST_SEEDS or min(distinct) < 0:
        wanted = "a positive count, or distinct integers >= 0"
        raise ValueError(f"seeds is {seeds!r}; expected {wanted}, at most {MOST_SEEDS:,}")
    return distinct


def _checked(name: str, value):
    """A configuration entry within its range; a sweepable list stays a list."""
    if name.endswith("hidden") and not (
        np.ndim(value) == 1 and all(isinstance(size, (int, np.integer)) and size > 0 for size in value)
    ):
        raise ValueError(f"{name} is {value!r}; expected the sizes of the layers, such as (64, 64)")
    bounds = SWEEPABLE.get(name) or SHARED.get(name)
    if bounds is None:
        return value
    if np.ndim(value) == 1 and name in SWEEPABLE:
        if not len(value):
            raise ValueError(f"{name} is an empty list; expected at least one value")
        return [_checked(name, entry) for entry in value]
    low, high = (float(bound) for bound in bounds[1:-1].split(","))
    inside = isinstance(value, (int, float, np.number)) and math.isfinite(value)
    inside = inside and (low <= value if bounds[0] == "[" else low < value)
    inside = inside and (value <= high if bounds[-1] == "]" else value < high)
    if not inside:
        large = "; for infinity take 1e9" if high == math.inf and value == math.inf else ""
        raise ValueError(f"{name} is {value!r}; expected a finite number in {bounds}{large}")
    if name in WHOLE and value != int(value):
        raise ValueError(f"{name} is {value!r}; expected an integer in {bounds}")
    return int(value) if name in WHOLE or isinstance(value, (int, np.integer)) else float(value)
