"""Where agents act beyond the mazes: Gymnasium environments of Discrete actions whose observations can be flattened."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.vector.utils import batch_space, iterate

from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.pointmass import PointmassEnv, PointmassVectorEnv

# Wrappers that leave observations, actions and rewards as they are: what they wrap is the same environment
TRANSPARENT = {"HumanRendering", "OrderEnforcing", "PassiveEnvChecker", "RecordEpisodeStatistics", "RecordVideo"}


class UnfitError(ValueError):
    """No agent fits an environment."""


@dataclasses.dataclass(frozen=True)
class Environment:
    """A Gymnasium environment: the same as another one of its name.

    Attributes:
        name: its id, and the arguments it is made with; empty where data does not say what it is from.
        observation_space: flattened for agents, as Gymnasium flattens it.
        action_space: agents count its actions from 0.
        horizon: steps after which an episode is truncated; None where there is no such limit.
        spec: Gymnasium's specification, as JSON; None where it cannot be written down.
        make: gives a copy; raises a ValueError where there can be none.

    Raises:
        UnfitError: actions that are not Discrete, or observations that cannot be flattened.
    """

    name: str
    observation_space: gym.Space = dataclasses.field(compare=False)
    action_space: gym.spaces.Discrete = dataclasses.field(compare=False)
    horizon: int | None = dataclasses.field(default=None, compare=False)
    spec: str | None = dataclasses.field(default=None, compare=False)
    make: Callable[[], gym.Env] | None = dataclasses.field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.action_space, gym.spaces.Discrete):
            raise UnfitError(f"{self} has actions in {self.action_space}; expected Discrete ones, as CartPole-v1 has")
        if not self.observation_space.is_np_flattenable:
            wanted = "Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of them"
            raise UnfitError(f"{self} has observations in {self.observation_space}; expected {wanted}")

    def __repr__(self) -> str:
        return self.name or "an unnamed environment"

    @property
    def sizes(self) -> dict[str, int]:
        """What an agent has to know of it: the length of a flat observation, and the number of actions."""
        size = gym.spaces.flatdim(self.observation_space)
        return {"observation_size": size, "action_count": int(self.action_space.n)}

    @functools.cached_property
    def bounds(self) -> np.ndarray | None:
        """The least and the largest flat observation (2, size); None where some number has no bound."""
        space = gym.spaces.flatten_space(self.observation_space)
        found = np.stack([space.low, space.high]).astype(np.float64)
        return found if (np.abs(found) < 1e6).all() else None  # some write the largest float for no bound

    def flat(self, observations: Any, count: int) -> np.ndarray:
        """`count` observations, batched as Gymnasium does, as float32 (count, size)."""
        if isinstance(self.observation_space, gym.spaces.Box):
            return np.asarray(observations, dtype=np.float32).reshape(count, -1)
        each = iterate(batch_space(self.observation_space, count), observations)
        flat = [gym.spaces.flatten(self.observation_space, one) for one in each]
        return np.array(flat, dtype=np.float32).reshape(count, -1)


def environment_of(given: Any) -> Maze | Environment:
    """What is meant by a maze, an environment's id or specification, an environment, or a function that makes one.

    Of an environment the copies are deep copies, with all that it has learnt, such as a wrapper's running mean.

    Raises:
        TypeError: something else. ValueError: it cannot be made here, or no agent fits it.
    """
    if isinstance(given, (Maze, Environment)):
        return given
    if isinstance(given, gym.Env):
        make = functools.partial(copy.deepcopy, given)
    elif isinstance(given, (str, gym.envs.registration.EnvSpec)) and given not in list(MAZES):
        make = functools.partial(gym.make, given)
    elif callable(given):
        make = given
    else:
        wanted = "one of MAZES, such as MAZES['medium'], or a Gymnasium environment, such as 'CartPole-v1'"
        raise TypeError(f"maze is {given!r}; expected {wanted}")
    try:
        env = make()
    except (gym.error.Error, ImportError) as error:
        raise ValueError(f"environment {given!r} cannot be made: {' '.join(str(error).split())}") from None
    if not isinstance(env, gym.Env):
        raise TypeError(f"maze is {given!r}, which gives {env!r}; expected a Gymnasium environment")
    layers = [env]
    while isinstance(layers[-1], gym.Wrapper):
        layers.append(layers[-1].env)
    plain = all(type(layer).__name__ in TRANSPARENT | {"TimeLimit"} for layer in layers[:-1])
    if isinstance(env.unwrapped, PointmassEnv) and plain:
        return env.unwrapped.maze
    limits = [layer._max_episode_steps for layer in layers if isinstance(layer, gym.wrappers.TimeLimit)]
    try:
        spec = env.spec.to_json()
    except (AttributeError, TypeError, ValueError):  # there is none, or it holds functions
        spec = None
    name = _name(env.spec.id, env.spec.kwargs) if env.spec else type(env.unwrapped).__name__
    return Environment(name, env.observation_space, env.action_space, min(limits, default=None), spec, make)


def environment_in(spec: str | None, observation_space: gym.Space, action_space: gym.Space) -> Maze | Environment:
    """The environment that a file names: nothing is made before a copy is asked for, and nothing imported then.

    Args:
        spec: Gymnasium's specification, as JSON; None where the file has none.

    Raises:
        UnfitError: no agent fits the spaces. ValueError, KeyError, TypeError: it is no specification.
    """
    if spec is None:
        return Environment("", observation_space, action_space)
    facts = json.loads(spec)
    wrappers, mazes = facts["additional_wrappers"], {maze.env_id: name for name, maze in MAZES.items()}
    if facts["id"] in mazes and {wrapper["name"] for wrapper in wrappers} <= TRANSPARENT:
        return MAZES[facts["kwargs"].get("maze", mazes[facts["id"]])]
    make, name = functools.partial(_make_registered, facts), _name(facts["id"], facts["kwargs"])
    return Environment(name, observation_space, action_space, facts["max_episode_steps"], spec, make)


def is_same(one: Maze | Environment, other: Maze | Environment) -> bool:
    """Whether two are the same environment, as far as is known."""
    return one == other or "" in (getattr(one, "name", None), getattr(other, "name", None))


class Copies:
    """Copies of an environment side by side; in the step that ends an episode the next one begins.

    Args:
        environment: a maze, or an `Environment`.
        vectorization: "sync", one after the other, or "async", each in a process of its own.

    Attributes:
        envs: Gymnasium's vector environment.

    Raises:
        ValueError: there can be none.
    """

    def __init__(self, environment: Maze | Environment, count: int, vectorization: str = "sync") -> None:
        self.environment, self.count = environment, count
        if isinstance(environment, Maze):
            self.envs = PointmassVectorEnv(count, environment, autoreset_mode=AutoresetMode.SAME_STEP)
            return
        if environment.make is None:
            raise ValueError("the data does not say what environment it is from; expected the environment itself")

        def make() -> gym.Env:
            return gym.wrappers.FlattenObservation(environment.make())

        kind = {"sync": SyncVectorEnv, "async": AsyncVectorEnv}[vectorization]
        self.envs = kind([make] * count, autoreset_mode=AutoresetMode.SAME_STEP)

    def reset(self, seed: int | Sequence[int]) -> np.ndarray:
        """The first observations (count, size), each copy with a seed of its own, or all with one as `envs` does it."""
        return np.asarray(self.envs.reset(seed=seed)[0], dtype=np.float32)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where actions (count,) lead.

        Returns:
            next observations (count, size), the observations to go on from, rewards (count,), terminations, and
            truncations, of which none is a termination.
        """
        first_action = self.envs.single_action_space.start
        begun, rewards, terminations, truncations, info = self.envs.step(actions + first_action)
        begun, ended = np.asarray(begun, dtype=np.float32), terminations | truncations
        next_observations = begun.copy()
        if ended.any():
            next_observations[ended] = list(info["final_obs"][ended])
        return next_observations, begun, rewards, terminations, truncations & ~terminations

    def close(self) -> None:
        """End the copies' processes."""
        self.envs.close()


def _name(env_id: str, arguments: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name}={value!r}" for name, value in sorted(arguments.items()) if name != "render_mode")
    return f"{env_id}({told})" if told else env_id


def _make_registered(facts: Mapping[str, Any]) -> gym.Env:
    """What a file names: an environment that Gymnasium has registered, in Gymnasium's own wrappers, and no other."""
    wrappers = [wrapper for wrapper in facts["additional_wrappers"] if wrapper["name"] not in TRANSPARENT]
    foreign = [w["name"] for w in wrappers if w["name"] not in gym.wrappers.__all__ or w["kwargs"] is None]
    if facts["id"] not in gym.registry or foreign:
        lacking = f"its wrapper {foreign[0]}" if foreign else facts["id"]
        wanted = "install what registers it, and import that first; or name an environment, as in Rollouts(environment)"
        raise ValueError(f"{lacking} is not known to Gymnasium here; {wanted}")
    arguments = {name: value for name, value in facts["kwargs"].items() if name != "render_mode"}
    env = gym.make(facts["id"], max_episode_steps=facts["max_episode_steps"] or -1, **arguments)
    for wrapper in wrappers:
        env = getattr(gym.wrappers, wrapper["name"])(env, **wrapper["kwargs"])
    return env
