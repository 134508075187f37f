"""Transitions as flat tensors, and the Minari data sets they are read from and written to."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

import h5py
import minari
import numpy as np
import torch
from minari.data_collector import EpisodeBuffer
from torch import Tensor

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.files import ROOT
from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.names import Catalogue, UnknownNameError

os.environ.setdefault("MINARI_DATASETS_PATH", str(ROOT / "datasets"))
CHECKSUM, MOST_BYTES = "sha256", 1e9  # metadata key of the data file's checksum; what a data set may fill in memory


def load_dataset(dataset_id: str) -> Transitions:
    """Read a Minari data set of this package, such as "pointmass/medium-rnd-v0", into flat tensors.

    Raises:
        UnknownNameError: no such data set; the message names the closest ones.
        ValueError: damaged, or not collected in one of our mazes (nothing of it is executed). What `save_dataset` wrote
            is held against its checksum before it is opened; of a damaged file without one, HDF5 may end the process.
    """
    try:
        folder = Catalogue("data set", {name: _root() / name for name in list_datasets()})[str(dataset_id)]
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; `make datasets` collects those of the course") from None
    maze = _maze_of(folder)
    try:
        _check_file(folder / "data")
        return Transitions(*_columns(dataset_id), maze=maze)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{folder} is damaged ({reason}); collect it again with `make datasets`") from None


def list_datasets() -> list[str]:
    """The ids of the data sets that are there, in order."""
    return sorted(
        path.parent.parent.relative_to(_root()).as_posix() for path in _root().glob("[!.]*/*/data/metadata.json")
    )


def checksum(dataset_id: str) -> str:
    """Of a data set's transitions: equal for equal files."""
    return _checksum(_root() / dataset_id / "data" / "main_data.hdf5")


def save_dataset(
    dataset_id: str, data: Transitions, *, algorithm: str, description: str, reference_returns, overwrite: bool = False
) -> None:
    """Write transitions as a Minari data set; it appears whole or not at all.

    Args:
        algorithm, description: of the behaviour policy, for the metadata.
        reference_returns: (random policy's, optimal) exact returns, Minari's reference scores.
        overwrite: replace a data set of this id.

    Raises:
        FileExistsError: there is one already and `overwrite` is not given.
        ValueError: no transitions, or an id of another form.
    """
    if not len(data):
        raise ValueError(f"data set {dataset_id} would be empty; expected at least one transition")
    if not re.fullmatch(r"[\w-]+/[\w-]+-v\d+", dataset_id):
        raise ValueError(f"data set id is {dataset_id!r}; expected namespace/name-v0, such as 'pointmass/mine-v0'")
    target = _root() / dataset_id
    if target.exists() and not overwrite:
        raise FileExistsError(f"data set {dataset_id} is there already; pass overwrite=True to replace it")
    target.parent.mkdir(parents=True, exist_ok=True)
    buffers = []
    for number, episode in enumerate(data.episodes):
        truncations = episode.truncations.numpy().copy()
        truncations[-1] |= not episode.terminations[-1]  # an unfinished episode is cut here
        buffers.append(
            EpisodeBuffer(
                id=number,
                observations=torch.cat([episode.observations, episode.next_observations[-1:]]).numpy(),
                actions=episode.actions.numpy(),
                rewards=episode.rewards.numpy(),
                terminations=episode.terminations.numpy(),
                truncations=truncations,
            )
        )
    before = os.environ["MINARI_DATASETS_PATH"]
    with tempfile.TemporaryDirectory(dir=_root(), prefix=".collecting-") as folder:
        os.environ["MINARI_DATASETS_PATH"] = folder
        try:
            minari.create_dataset_from_buffers(
                dataset_id,
                buffers,
                env=data.maze.env_id,
                eval_env=data.maze.env_id,
                algorithm_name=algorithm,
                description=description,
                author="the rlkit_mini authors",
                author_email="none",
                code_permalink="rlkit_mini/collecting.py",
                ref_min_score=reference_returns[0],
                ref_max_score=reference_returns[1],
                requirements=["rlkit_mini"],
            )
        finally:
            os.environ["MINARI_DATASETS_PATH"] = before
        _repack(Path(folder) / dataset_id / "data")
        namespace = Path(folder) / Path(dataset_id).parts[0] / "namespace_metadata.json"
        if namespace.is_file():
            os.replace(namespace, target.parent / namespace.name)
        if not target.exists():
            os.replace(Path(folder) / dataset_id, target)
            return
        replaced = Path(folder) / "replaced"
        os.replace(target, replaced)
        try:
            os.replace(Path(folder) / dataset_id, target)
        except BaseException:  # an interruption too: the old set comes back
            os.replace(replaced, target)
            raise


def _columns(dataset_id: str) -> list[Tensor]:
    """The tensors of `Transitions`, in order; raises where the data set is no run in a maze."""
    parts = [
        (e.observations[:-1], e.actions, e.rewards, e.observations[1:], e.terminations, e.truncations)
        for e in minari.load_dataset(dataset_id).iterate_episodes()
    ]
    kinds = (np.float32, np.int64, np.float32, np.float32, bool, bool)
    columns = [
        np.concatenate(column).astype(kind) for column, kind in zip(zip(*parts, strict=True), kinds, strict=True)
    ]
    return [torch.from_numpy(column) for column in columns]


def _check_file(folder: Path) -> None:
    """Raise before Minari reads a file that was changed since it was written, or that claims more than it can hold."""
    path, metadata = folder / "main_data.hdf5", json.loads((folder / "metadata.json").read_text())
    if metadata.get(CHECKSUM, found := _checksum(path)) != found:
        raise ValueError("its bytes are not those that were written")
    sizes = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: sizes.append(item.nbytes) if isinstance(item, h5py.Dataset) else None)
        if metadata["total_episodes"] != len(file):
            raise ValueError(f"{len(file)} episodes where there were {metadata['total_episodes']}")
    if sum(sizes) > MOST_BYTES:
        raise ValueError(f"it claims {sum(sizes):.1e} bytes, {MOST_BYTES:.0e} are the most")


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _root() -> Path:
    return Path(os.environ["MINARI_DATASETS_PATH"])


def _maze_of(folder: Path) -> Maze:
    """The maze a data set names, read as plain JSON: Minari would import whatever entry point stands there."""
    ids = {maze.env_id: maze for maze in MAZES.values()}
    try:
        metadata = json.loads((folder / "data" / "metadata.json").read_text())
        specs = [json.loads(metadata[key]) for key in ("env_spec", "eval_env_spec") if key in metadata]
        found = {ids[spec["id"]] for spec in specs}
        ours = {"observation_space", "action_space"} <= metadata.keys() and not any(
            spec["entry_point"] != "rlkit_mini.pointmass:PointmassEnv" or spec["additional_wrappers"] for spec in specs
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found, ours = set(), False
    if len(found) != 1 or not ours:
        raise ValueError(f"{folder} is not from a Pointmass maze, or damaged; collect it again with `make datasets`")
    return found.pop()


def _repack(folder: Path) -> None:
    """Rewrite Minari's file without chunks and in HDF5's newer layout: a tenth of the bytes, the same content."""
    path, packed = folder / "main_data.hdf5", folder / "packed.hdf5"
    with h5py.File(path) as source, h5py.File(packed, "w", libver="latest", track_order=True) as target:
        for name, episode in source.items():
            group = target.create_group(name)
            group.attrs.update(episode.attrs)
            for key, values in episode.items():
                group.create_dataset(key, data=values[()])
    os.replace(packed, path)
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata |= {"dataset_size": round(path.stat().st_size / 1e6, 1), CHECKSUM: _checksum(path)}
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=1, sort_keys=True) + "\n")
