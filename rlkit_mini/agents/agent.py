"""What every agent is: a population over settings x seeds, with a policy, saved and loaded without executing code."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import itertools
import json
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, dataclass_transform

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from rlkit_mini.agents.networks import Standardised, observation_network
from rlkit_mini.agents.settings import checked, checked_seeds, is_swept
from rlkit_mini.files import whole_file
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.names import check_count
from rlkit_mini.pointmass import sample_actions
from rlkit_mini.streams import Streams

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from rlkit_mini.data.transitions import Transitions
    from rlkit_mini.environments import Environment


class TrainingDivergedError(RuntimeError):
    """A loss became infinite or no number; `history` holds what was seen (or collected) until then."""

    def __init__(self, message: str, history: Any = None) -> None:
        super().__init__(message)
        self.history = history


@dataclass_transform(kw_only_default=True)
@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Agent(nn.Module):
    """A population of agents: every combination of the swept hyperparameters, each with every seed.

    Members are ordered settings first, seeds last: an array (..., members) reshapes to
    (..., *lengths of the swept lists, seeds).

    An agent is a dataclass, and so is each of its subclasses: their fields are the settings, and the functions that can
    take the place of the paper's. `__post_init__` goes on from there: it builds the networks.

    Args:
        seeds: how many (0, 1, ...), or which; afterwards (members,) the seed of each member.
        device: where the tensors are.
        observation_size, action_count: of another environment than a maze, as in `CQL(**data.sizes)`.

    Attributes:
        settings: each member's hyperparameters, a dict.
        grid: name -> values of the hyperparameters that were given as lists; each is kept as a (members, 1) tensor
            of its name, the others as the numbers they are.
        batch_size: transitions an update takes; 0 for an agent that does not learn.
        start_observation: (members, 1, size) where each member's latest episode began; None before the first.

    Raises:
        TypeError: a setting that the class does not have.
        ValueError: a value outside its range, or a device that this machine does not have.
        RuntimeError: in torch's inference mode, whose tensors cannot learn.
    """

    seeds: int | Sequence[int] = 1
    device: str | torch.device = "cpu"
    observation_size: int | None = None
    action_count: int | None = None

    batch_size = 0

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(cls, kw_only=True, eq=False, repr=False)
        for name, default in cls.defaults().items():
            if callable(default) and name in vars(cls):
                delattr(cls, name)  # a class's function hides a module of that name

    def __new__(cls, *_, **settings) -> Agent:
        """A module without its settings, whose names are known."""
        known = {*cls.defaults(), *inspect.signature(cls.__init__).parameters}
        for name in settings.keys() - known:
            typed = sorted(known - {"self", *MAZES["easy"].sizes})
            close = difflib.get_close_matches(name, typed, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(typed)}"
            raise TypeError(f"{cls.__name__} has no setting {name!r}; {hint}")
        agent = super().__new__(cls)
        nn.Module.__init__(agent)  # first, since a function that is given may be a module
        return agent

    def __post_init__(self) -> None:
        """Lay out the members."""
        if torch.is_inference_mode_enabled():
            raise RuntimeError("torch.inference_mode is on; expected agents to be made outside of it")
        sizes = {name: getattr(self, name) for name in MAZES["easy"].sizes}
        sizes = {name: check_count(name, count) for name, count in sizes.items() if count is not None}
        self.observation_size, self.action_count = (MAZES["easy"].sizes | sizes).values()
        distinct, self.device = checked_seeds(self.seeds), _checked_device(self.device)
        plain = [name for name, default in self.defaults().items() if not callable(default)]
        own = {name: checked(name, getattr(self, name)) for name in plain if name not in Agent.defaults()}
        self.configuration = own | sizes
        self._lay_out(distinct)
        for name, value in self.configuration.items():
            if name in self.grid:  # (members, 1), to broadcast against (members, batch)
                column = [[setting[name]] for setting in self.settings]
                value = torch.tensor(column, dtype=torch.float32, device=self.device)
            setattr(self, name, value)
        self.configuration["seeds"] = distinct
        self.minibatches = Streams(self.seeds, "minibatches")
        self.exploration = Streams(self.seeds, "exploration actions")
        self.runs = 0  # how often it has begun to act in environments
        self.start_observation: Tensor | None = None

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Every setting of this class and of those it stands on, with its default; the class's own come last."""
        return {field.name: field.default for field in dataclasses.fields(cls)}

    def _lay_out(self, seeds: list[int]) -> None:
        """Each member's settings and seed."""
        sweepable = {name: value for name, value in self.configuration.items() if is_swept(name)}
        self.grid = {name: values for name, values in sweepable.items() if isinstance(values, list)}
        combinations = list(itertools.product(*self.grid.values()))
        each = [sweepable | dict(zip(self.grid, values, strict=True)) for values in combinations]
        self.settings = [dict(setting) for setting in each for _ in seeds]
        self.seeds = np.array(seeds * len(combinations))

    def network(self, purpose: str, outputs: int, *kind) -> nn.Module:
        """A network on observations of this population, `kind` as `observation_network` takes it from `hidden` on."""
        network = observation_network(self.seeds, purpose, outputs, *kind, size=self.observation_size)
        if "observation_size" in self.configuration:
            network = nn.Sequential(Standardised(self.members, self.observation_size), network)
        return network.to(self.device)

    def prepare(self, environment: Maze | Environment, data: Sequence[Transitions] = ()) -> None:
        """Fit an environment: beyond the mazes, networks see its observations scaled from the first time on.

        To [0, 1] by their bounds; where there are none, less the data's mean, over its deviation.

        Args:
            data: for all members, or one `Transitions` for each.

        Raises:
            ValueError: the environment has other sizes than the agent.
        """
        sizes = {"observation_size": self.observation_size, "action_count": self.action_count}
        if sizes != environment.sizes:
            wanted = f"{type(self).__name__}(..., **data.sizes), here {environment.sizes}"
            raise ValueError(f"{environment} does not fit the agent's {sizes}; expected {wanted}")
        layers = [layer for layer in self.modules() if isinstance(layer, Standardised)]
        if isinstance(environment, Maze) or not layers or layers[0].is_set:
            return
        if environment.bounds is not None:
            low, high = torch.from_numpy(environment.bounds)
            mean, scale = low, high - low
        elif data:
            each = [transitions.observations.double() for transitions in data]
            mean = torch.stack([column.mean(dim=0) for column in each]).unsqueeze(1)  # (members or 1, 1, size)
            scale = torch.stack([column.std(dim=0, unbiased=False) for column in each]).unsqueeze(1)
        else:
            return
        for layer in layers:
            layer.mean.copy_(mean)
            layer.scale.copy_(torch.where(scale > 1e-6, scale, 1.0))

    @property
    def members(self) -> int:
        """How many agents the population has."""
        return len(self.seeds)

    def describe(self, member: int) -> str:
        """One member in words: its seed and its values of what was swept."""
        swept = ", ".join(f"{name} {self.settings[member][name]:g}" for name in self.grid)
        return f"seed {self.seeds[member]}" + (f", {swept}" if swept else "")

    def by_value(self, name: str, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """`function` of tensors (members, ...) and of one number, a setting: where that is swept, value by value."""
        values = getattr(self, name)
        if not isinstance(values, Tensor):
            return function(*tensors, values)
        each, which = values.flatten().unique(return_inverse=True)
        made = [function(*(tensor[which == i] for tensor in tensors), value) for i, value in enumerate(each.tolist())]
        return torch.cat(made)[which.argsort(stable=True).argsort()]

    def only(self, setting: Mapping[str, float]) -> Agent:
        """The members of one setting, as a population that acts as they do, to the bit; it trains on as a loaded one.

        Args:
            setting: such as {"alpha": 1.0}; what is swept and not named stays swept.

        Raises:
            ValueError: no member has this setting.
        """
        chosen = [member for member, own in enumerate(self.settings) if setting.items() <= own.items()]
        if not chosen:
            raise ValueError(f"no member has {dict(setting)}; expected values of {self.grid}")
        part = type(self)(**self.configuration | dict(setting), device=self.device)
        part.load_state_dict({name: tensor[chosen] for name, tensor in self.state_dict().items()})
        return part

    def check_finite(self, losses: Tensor, update: int, history: Any) -> None:
        """Raise a TrainingDivergedError that names the first member with a loss or a parameter that is not finite.

        Args:
            losses: (members,).
            update: the last one made.
            history: what the error holds.

        Raises:
            TrainingDivergedError: there is one.
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

    def policy(self, observations: ArrayLike | Tensor, greedy: bool = True) -> Tensor:
        """Action probabilities (members, n, actions) at observations (n, size) or (members, n, size).

        Args:
            greedy: all on the likeliest action; otherwise the distribution that `act` draws from.

        Raises:
            ValueError: observations of another shape.
        """
        with as_by_default(self.device, gradients=False):
            parts = self.as_inputs(observations).split(2048, dim=1)  # larger ones are given new memory each time
            probabilities = torch.cat([self.action_probabilities(part) for part in parts], dim=1)
        return all_on_the_best(probabilities) if greedy else probabilities

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> Agent:
        """What `to`, `half`, `cuda` and the like come to: an agent stays where, and as precise, as it was made."""
        for tensor in self.state_dict().values():
            if (changed := change(tensor)).device != tensor.device or changed.dtype != tensor.dtype:
                kind = f"{type(self).__name__} stays {str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"
                raise TypeError(f"{kind}; for another device, save it and load it there: .load(path, device=...)")
        return self

    def forward(self, *_) -> None:
        """Refuse to be called as a function.

        Raises:
            TypeError: always; what is judged is `agent.policy`.
        """
        raise TypeError(f"{type(self).__name__} is an agent; expected its policy, agent.policy")

    def action_probabilities(self, observations: Tensor) -> Tensor:
        """The distribution that acts: (members, n, size) -> (members, n, actions), without gradients."""
        raise NotImplementedError

    def environment_seeds(self) -> list[int]:
        """Seeds (members,) of the environments to act in next: the members' own, and each further time others."""
        run, self.runs = self.runs, self.runs + 1
        if not run:
            return self.seeds.tolist()
        return [int(np.random.SeedSequence([seed, run]).generate_state(1)[0]) for seed in self.seeds]

    def begin(self, start_observation: Tensor) -> None:
        """Told where each member's episode starts, (members, 1, size) on the agent's device, before its first step.

        `explore` and `fine_tune` call it: RND's return goes on from there, and a route begins anew.
        """
        self.start_observation = start_observation

    def act(self, observations: ArrayLike | Tensor, rng: np.random.Generator) -> np.ndarray:
        """Actions (members, n) at observations (n, size) or (members, n, size), drawn from the policy that acts."""
        probabilities = self.policy(observations, greedy=False).cpu().numpy()
        return sample_actions(probabilities, rng.random(probabilities.shape[:-1]))

    def as_inputs(self, observations: ArrayLike | Tensor) -> Tensor:
        """Observations (n, size) or (members, n, size), an array or a tensor, as (members, n, size) float32.

        Raises:
            ValueError: they have another shape.
        """
        observations = torch.as_tensor(observations, dtype=torch.float32, device=self.device)
        size, given = self.observation_size, tuple(observations.shape)
        if observations.ndim not in (2, 3) or given[-1] != size:
            raise ValueError(f"observations have shape {given}; expected (n, {size}) or (members, n, {size})")
        if observations.ndim == 3 and len(observations) not in (1, self.members):
            raise ValueError(f"observations are of {len(observations)} members; expected {self.members}, or 1 for all")
        return observations.expand(self.members, *observations.shape[-2:])

    def save(self, path: str | os.PathLike) -> None:
        """Write all members' tensors (safetensors) with the configuration (JSON in its header).

        What acts is kept to the bit; functions given in place of the paper's, the optimisers' moments and the place in
        the random streams are not: a loaded agent that trains on begins with those of a new one.

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
        """Read what `save` wrote.

        Args:
            device: where the agent is to be, wherever it was saved.

        Raises:
            FileNotFoundError: there is no file.
            ValueError: the file is no saved agent of this class, or the device is not there.
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
            agent = cls(**_in_todays_names(cls, json.loads(header[cls.__name__])), device=device)
            agent.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
            reason = " ".join(" ".join(str(error).splitlines()[:2]).split())  # torch's second line says what differs
            raise ValueError(f"{path} does not fit {cls.__name__} ({reason}); save the agent again") from None
        return agent


def _in_todays_names(kind: type[Agent], configuration: dict[str, Any]) -> dict[str, Any]:
    """The settings of an older file: "raw" was called "position", and actors' critics had an idle `double`."""
    idle = {"double"} - kind.defaults().keys()
    today = {name: value for name, value in dict(configuration).items() if name not in idle}
    return today | ({"features": "raw"} if today.get("features") == "position" else {})


def all_on_the_best(values: Tensor) -> Tensor:
    """The greedy policy (..., actions) on values (..., actions): the first of equally good ones."""
    best = values.max(dim=-1).indices  # as argmax, faster for few actions
    return nn.functional.one_hot(best, values.shape[-1]).to(values.dtype)


@contextmanager
def as_by_default(device: torch.device, gradients: bool) -> Iterator[None]:
    """Torch in full precision, with gradients or without, whatever is switched on around it."""
    with torch.inference_mode(False), torch.set_grad_enabled(gradients), torch.autocast(device.type, enabled=False):
        yield


_learning, _turn = weakref.WeakSet(), threading.Lock()


def learning(train: Callable) -> Callable:
    """Of a function that trains its first argument: torch is as by default, and nobody else trains that agent.

    Raises:
        TypeError: no agent. RuntimeError: it is being trained already, perhaps in another thread.
    """

    @functools.wraps(train)
    def train_alone(agent: Agent, *arguments, **options) -> Any:
        if not isinstance(agent, Agent):
            raise TypeError(f"agent is {agent!r}; expected an agent, such as CQL(alpha=1.0, seeds=4)")
        with _turn:
            if agent in _learning:
                raise RuntimeError(
                    f"this {type(agent).__name__} is being trained already; wait, or take a copy.deepcopy"
                )
            _learning.add(agent)
        try:
            with as_by_default(agent.device, gradients=True):
                return train(agent, *arguments, **options)
        finally:
            _learning.discard(agent)

    return train_alone


def _checked_device(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (AssertionError, RuntimeError, TypeError) as error:  # each kind of device has its own
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device is {device!r} ({reason}); expected 'cpu', or one that this machine has") from None
