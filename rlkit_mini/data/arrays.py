"""Other people's arrays, under the names in use, as the columns of transitions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from rlkit_mini.environments import Environment, environment_of
from rlkit_mini.mazes import Maze

NAMES = {  # ours -> what others call it
    "observations": ("obs", "states"),
    "actions": ("acts",),
    "rewards": ("rews",),
    "next_observations": ("next_obs", "next_states"),
    "terminations": ("terminals", "terminated"),
    "truncations": ("timeouts", "truncated"),
    "dones": ("done",),
}


def read_arrays(
    arrays: Mapping[str, Any] | str | os.PathLike, maze: Any, time_limit: int | None, action_count: int | None
) -> tuple[dict[str, np.ndarray], Maze | Environment]:
    """Columns by their names, and the environment; Args and Raises as of `Transitions.from_arrays`."""
    if isinstance(arrays, (str, os.PathLike)):
        with np.load(arrays, allow_pickle=False) as file:
            arrays = dict(file)
    given = {name: arrays[word] for name, words in NAMES.items() for word in (name, *words) if word in arrays}
    _check_names(given, arrays, time_limit)
    where, rewards = None if maze is None else environment_of(maze), given["rewards"]
    if np.ndim(rewards[0]) > 0 and (isinstance(rewards, (list, tuple)) or np.shape(rewards)[1] > 1):
        episodes = [{name: _entry(values, i) for name, values in given.items()} for i in range(len(rewards))]
        columns = join([episode_columns(episode, where, time_limit) for episode in episodes])
    else:
        columns = episode_columns(given, where, time_limit, whole=False)
    if where is None:
        every = gym.spaces.Box(-np.inf, np.inf, columns["observations"].shape[1:])
        where = Environment("", every, gym.spaces.Discrete(action_count or int(columns["actions"].max()) + 1))
    return columns, where


def join(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns one below the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check_names(given: Mapping[str, Any], arrays: Mapping[str, Any], time_limit: int | None) -> None:
    missing = [name for name in ("observations", "actions", "rewards") if name not in given]
    missing += [] if given.keys() & {"terminations", "dones"} else ["terminations"]
    if missing:
        known = " or ".join((missing[0], *NAMES[missing[0]]))
        raise ValueError(f"the arrays are {', '.join(arrays)}; expected {known} among them")
    if "dones" in given and not given.keys() & {"terminations", "truncations"} and time_limit is None:
        raise ValueError(
            "dones do not say whether an episode ended by its time limit; expected truncations (timeouts) beside them, "
            "or time_limit: the steps after which episodes were cut, 0 if none was"
        )


def episode_columns(
    given: Mapping[str, Any], where: Maze | Environment | None, time_limit: int | None = None, whole: bool = True
) -> dict[str, np.ndarray]:
    """Columns of an episode, or (`whole` is False) of some, one after the other; what they give goes by our names.

    Raises:
        ValueError: actions that are no integers, or columns of other lengths.
    """
    beyond = isinstance(where, Environment)
    flat, first_action = (where.flat, where.action_space.start) if beyond else (_reshaped, 0)
    actions = np.asarray(given["actions"])
    actions = actions[:, 0] if actions.ndim == 2 and actions.shape[1] == 1 else actions
    if actions.ndim != 1 or not np.array_equal(actions, actions.astype(np.int64)):
        raise ValueError(f"actions are {actions.dtype} of shape {actions.shape}; expected an integer per step")
    count, kept = len(actions), slice(None)
    terminations, truncations = _ends(given, time_limit)
    if whole:  # an episode that says nothing of its end was cut there
        truncations[-1] |= not terminations[-1]
    ended = terminations | truncations
    observations = flat(given["observations"], length(given["observations"]))
    if "next_observations" in given:
        next_observations = flat(given["next_observations"], count)
    elif len(observations) == count + 1 and (whole or not ended[:-1].any()):
        observations, next_observations = observations[:-1], observations[1:]
    elif len(observations) != count:
        raise ValueError(f"{len(observations)} observations of {count} steps; expected next_observations beside them")
    else:  # what followed an episode's last step is not there: after a termination nobody asks, else the step goes
        last = np.append(ended[:-1], True)
        next_observations = np.where(last[:, None], observations, np.roll(observations, -1, axis=0))
        kept = ~last | terminations
        truncations[:-1] |= ~kept[1:] & ~ended[:-1]
    columns = {
        "observations": observations,
        "actions": actions.astype(np.int64) - first_action,
        "rewards": np.asarray(given["rewards"], dtype=np.float32).reshape(count),
        "next_observations": next_observations,
        "terminations": terminations,
        "truncations": truncations,
    }
    return {name: column[kept] for name, column in columns.items()}


def _ends(given: Mapping[str, Any], time_limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Terminations and truncations (n,), of which no step is both."""
    words = given.keys() & {"terminations", "truncations", "dones"}
    flags = {word: np.asarray(given[word], dtype=bool).reshape(-1) for word in words}
    none = np.zeros(len(given["rewards"]), dtype=bool)
    truncations, dones = flags.get("truncations", none), flags.get("dones", none)
    terminations = flags.get("terminations", dones & ~truncations)
    truncations = (truncations | dones) & ~terminations
    if words == {"dones"} and time_limit:
        ends = np.flatnonzero(dones)
        truncations[ends[np.diff(ends, prepend=-1) >= time_limit]] = True
    return terminations & ~truncations, truncations


def _entry(values: Any, index: int) -> Any:
    return {key: part[index] for key, part in values.items()} if isinstance(values, Mapping) else values[index]


def length(observations: Any) -> int:
    """How many observations these are, batched as Gymnasium does: arrays, or dicts or tuples of them."""
    while isinstance(observations, (Mapping, tuple)):
        observations = next(iter(observations.values() if isinstance(observations, Mapping) else observations))
    return len(observations)


def _reshaped(observations: Any, count: int) -> np.ndarray:
    return np.asarray(observations, dtype=np.float32).reshape(count, -1)
