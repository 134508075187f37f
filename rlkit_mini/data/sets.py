"""Minari data sets: found where the reader and the course keep them, read into flat tensors, written whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import minari
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage
from minari.serialization import deserialize_space
from torch import Tensor

from rlkit_mini.data.arrays import episode_columns, join, length
from rlkit_mini.data.transitions import COLUMNS, Transitions
from rlkit_mini.environments import Environment, UnfitError, environment_in
from rlkit_mini.files import own_folder, whole_file, whole_folder
from rlkit_mini.mazes import Maze, inside_walls
from rlkit_mini.names import Catalogue, UnknownNameError

COURSE = own_folder(Path(__file__).resolve().parents[1], "datasets")  # those that come with the course
SPACES = ("observation_space", "action_space")  # metadata keys
CHECKSUM, MOST_BYTES = "sha256", 1e9  # metadata key of the data file's checksum; what a data set may fill in memory


def load_dataset(dataset_id: str, folder: str | os.PathLike | None = None) -> Transitions:
    """Read a Minari data set, such as "pointmass/medium-rnd-v0", into flat tensors.

    It can be of any environment with Discrete actions and observations that Gymnasium can flatten, whether that is
    installed or not. Actions count from 0; an episode that says nothing of its end was cut there.

    Args:
        folder: to look in, and nowhere else. By default in MINARI_DATASETS_PATH, if that is set, then among those that
            come with the course, then in ~/.minari/datasets, where Minari keeps them if nobody says otherwise.

    Raises:
        UnknownNameError: no such data set; the message names the closest ones.
        OSError: the operating system does not let us read it.
        ValueError: damaged, empty, or of an environment that no agent fits (nothing of it is executed). What
            `save_dataset` wrote is held against its checksum before it is opened; of a damaged file without one, HDF5
            may end the process.
    """
    path = dataset_path(dataset_id, folder)
    try:
        metadata = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
        where = environment_in(metadata.get("env_spec"), *(deserialize_space(metadata[key]) for key in SPACES))
        _check_file(path, metadata)
        return Transitions(**_columns(path, where), maze=where)
    except (UnfitError, ImportError) as error:
        raise ValueError(f"{path.parent}: {error}") from None
    except Exception as error:
        if getattr(error, "errno", None) not in (None, errno.ENOENT):
            raise OSError(error.errno, os.strerror(error.errno), str(path / "main_data.hdf5")) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        damaged = f"is damaged, or newer than Minari {minari.__version__} and h5py {h5py.__version__} read ({reason})"
        remedy = "collect it again" + (" with `make datasets`" if path.is_relative_to(COURSE) else "")
        raise ValueError(f"{path.parent} {damaged}; {remedy}") from None


def list_datasets(folder: str | os.PathLike | None = None) -> list[str]:
    """The ids of the data sets that `load_dataset` finds, in order."""
    return sorted(_found(folder))


def dataset_path(dataset_id: str, folder: str | os.PathLike | None = None) -> Path:
    """The folder that Minari itself opens, as `minari.MinariDataset(dataset_path(dataset_id))`.

    Args:
        folder: as in `load_dataset`.

    Raises:
        UnknownNameError: no such data set; the message names the closest ones, and where they were looked for.
        PermissionError: it may be there, but that folder must not be looked into.
    """
    places = _places(folder)
    try:
        return Catalogue("data set", _found(folder))[str(dataset_id)]
    except UnknownNameError as error:
        for place in places:
            try:
                os.stat(place / str(dataset_id) / "data" / "metadata.json")
            except PermissionError:
                raise
            except (OSError, ValueError):  # it is not there, or its name cannot be
                pass
        raise UnknownNameError(f"{error}; looked in {' and '.join(map(str, places))}") from None


def checksum(dataset_id: str, folder: str | os.PathLike | None = None) -> str:
    """Of a data set's transitions: equal for equal files. Args and Raises as of `dataset_path`."""
    return _checksum(dataset_path(dataset_id, folder) / "main_data.hdf5")


def check_id(dataset_id: str) -> None:
    """Raise a ValueError where an id is of another form than Minari's, whose namespaces have at least two letters."""
    if not re.fullmatch(r"(?!./[^/]+$)([\w-]+/)*[\w-]+-v\d+", dataset_id):
        raise ValueError(f"data set id is {dataset_id!r}; expected namespace/name-v0, such as 'pointmass/mine-v0'")


def save_dataset(
    dataset_id: str,
    data: Transitions,
    *,
    algorithm: str,
    description: str,
    reference_returns: tuple[float, float] | None = None,
    code: str | None = None,
    folder: str | os.PathLike | None = None,
    overwrite: bool = False,
) -> None:
    """Write transitions as a Minari data set, observations flat; it appears whole or not at all.

    Where one step does not lead to the next, as in shuffled steps, the episode is cut.

    Args:
        algorithm, description, code: who acted, what the set is, and the file that made it, for the metadata.
        reference_returns: (random policy's, optimal) exact returns, Minari's reference scores; None: nobody knows.
        folder: to write into; by default where Minari keeps the reader's own data sets.
        overwrite: replace a data set of this id.

    Raises:
        FileExistsError: there is one already and `overwrite` is not given; or the course has one of this id, which
            would hide it or be hidden.
        OSError: it cannot be written there.
        ValueError: no transitions, or an id of another form.
    """
    if not len(data):
        raise ValueError(f"data set {dataset_id} would be empty; expected at least one transition")
    check_id(dataset_id)
    if folder is None and dataset_id in list_datasets(COURSE):
        raise FileExistsError(f"data set {dataset_id} is one of the course's; expected another id, or a folder")
    place = Path(folder or _own_place()).absolute()  # Minari loses its way with a relative one
    target = place / dataset_id
    if target.exists() and not overwrite:
        raise FileExistsError(f"data set {dataset_id} is there already; pass overwrite=True to replace it")
    spec, spaces = _written(data.maze)
    metadata = {
        "dataset_id": dataset_id,
        "algorithm_name": algorithm,
        "description": description,
        "author": {"the rlkit_mini authors"},
        "author_email": {"none"},
        "minari_version": minari.__version__,
    }
    metadata |= {"eval_env_spec": spec.to_json()} if spec else {}
    metadata |= dict(zip(("ref_min_score", "ref_max_score"), reference_returns or (), strict=False))
    metadata |= {"requirements": ["rlkit_mini"]} if isinstance(data.maze, Maze) else {}
    metadata |= {"code_permalink": code} if code else {}
    with whole_folder(target) as part:
        storage = MinariStorage.new(part / "data", *spaces, spec)
        storage.update_metadata(metadata)
        storage.update_episodes(_buffers(data, spaces[1].start))
        _repack(part / "data")
    _list_namespaces(place, dataset_id)


def _list_namespaces(place: Path, dataset_id: str) -> None:
    """Write the file without which Minari does not list a namespace."""
    for namespace in list(Path(dataset_id).parents)[:-1]:
        told = place / namespace / "namespace_metadata.json"
        if not told.exists():
            with whole_file(told) as part:
                part.write_text("{}")


def _written(maze: Maze | Environment) -> tuple[EnvSpec | None, tuple[gym.Space, gym.Space]]:
    """The specification and the spaces that a data set names."""
    if isinstance(maze, Maze):
        env = gym.make(maze.env_id)
        return gym.spec(maze.env_id), (env.observation_space, env.action_space)
    flat = gym.spaces.flatten_space(maze.observation_space)
    flat = gym.spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32))
    return EnvSpec.from_json(maze.spec) if maze.spec else None, (flat, maze.action_space)


def _own_place() -> Path:
    """Where Minari keeps the reader's data sets."""
    try:
        return Path(os.environ.get("MINARI_DATASETS_PATH") or "~/.minari/datasets").expanduser()
    except RuntimeError:
        raise FileNotFoundError(
            "there is no home folder for data sets; expected MINARI_DATASETS_PATH, or a folder"
        ) from None


def _places(folder: str | os.PathLike | None) -> list[Path]:
    """Where data sets are looked for, in order."""
    if folder is not None:
        return [Path(folder)]
    places = [_own_place(), COURSE] if os.environ.get("MINARI_DATASETS_PATH") else [COURSE]
    return [*places, Path(os.path.expanduser("~/.minari/datasets"))]  # of nobody's home it is no folder


def _found(folder: str | os.PathLike | None) -> dict[str, Path]:
    """id -> the folder that Minari opens; of equal ids the one in the first place."""
    found = {}
    for place in _places(folder):
        for path in _sets_in(place):
            found.setdefault(path.relative_to(place).as_posix(), path / "data")
    return found


def _sets_in(place: Path) -> Iterator[Path]:
    for path in place.glob("[!.]*"):
        if os.path.isfile(path / "data" / "metadata.json"):
            yield path
        elif os.path.isdir(path):
            yield from _sets_in(path)


def _buffers(data: Transitions, first_action: int) -> list[EpisodeBuffer]:
    buffers = []
    for number, episode in enumerate(data.episodes):
        truncations = episode.truncations.numpy().copy()
        truncations[-1] |= not episode.terminations[-1]  # an unfinished episode is cut here
        buffers.append(
            EpisodeBuffer(
                id=number,
                observations=torch.cat([episode.observations, episode.next_observations[-1:]]).numpy(),
                actions=episode.actions.numpy() + first_action,
                rewards=episode.rewards.numpy(),
                terminations=episode.terminations.numpy(),
                truncations=truncations,
            )
        )
    return buffers


def _columns(path: Path, where: Maze | Environment) -> dict[str, Tensor]:
    """The tensors of `Transitions`; raises where they are no run in the environment."""
    parts = []
    for episode in minari.MinariDataset(path).iterate_episodes():
        if length(episode.observations) != len(episode.actions) + 1:
            raise ValueError(f"{length(episode.observations)} observations of {len(episode.actions)} actions")
        given = {name: getattr(episode, name) for name in COLUMNS if name != "next_observations"}
        parts.append(episode_columns(given, where))
    if not parts:
        raise ValueError("it has no episode")
    if isinstance(where, Environment) and len(parts[-1]["actions"]) < (where.horizon or 0):
        parts[-1]["truncations"][-1] = False  # the recording stopped there, before its time: it is no whole episode
    columns = {name: torch.as_tensor(column, device="cpu") for name, column in join(parts).items()}
    if isinstance(where, Maze) and inside_walls(where, columns["observations"]).any():
        raise ValueError(f"some of its places are within the walls of {where}")
    return columns


def _check_file(path: Path, metadata: Mapping[str, Any]) -> None:
    """Raise before Minari reads a file that was changed since it was written, or that claims more than it can hold."""
    if metadata["data_format"] != "hdf5":
        return
    file_path, sizes = path / "main_data.hdf5", []
    if metadata.get(CHECKSUM, found := _checksum(file_path)) != found:
        raise ValueError("it was changed since it was written")
    with h5py.File(file_path) as file:
        file.visititems(lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
        if metadata["total_episodes"] != len(file):
            raise ValueError(f"{len(file)} episodes where there were {metadata['total_episodes']}")
    if sum(sizes) > MOST_BYTES:
        raise ValueError(f"it claims {sum(sizes):.1e} bytes, {MOST_BYTES:.0e} are the most")


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _repack(path: Path) -> None:
    """Rewrite Minari's file without chunks and in HDF5 1.10's layout: a tenth of the bytes, the same content.

    Later layouts are no smaller, and of theirs HDF5 1.14 does not read the booleans.
    """
    loose, packed = path / "main_data.hdf5", path / "packed.hdf5"
    with h5py.File(loose) as source, h5py.File(packed, "w", libver=("v110", "v110"), track_order=True) as target:
        for name, episode in source.items():
            group = target.create_group(name)
            group.attrs.update(episode.attrs)
            for key, values in episode.items():
                group.create_dataset(key, data=values[()])
    os.replace(packed, loose)
    metadata = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    metadata |= {"dataset_size": round(loose.stat().st_size / 1e6, 1), CHECKSUM: _checksum(loose)}
    (path / "metadata.json").write_text(json.dumps(metadata, indent=1, sort_keys=True) + "\n")
