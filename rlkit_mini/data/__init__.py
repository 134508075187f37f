"""Transitions, the Minari data sets they are read from and written to, and what minibatches are drawn from."""

from rlkit_mini.data.replay import Replay, symmetric_indices, uniform_indices
from rlkit_mini.data.sets import checksum, dataset_path, list_datasets, load_dataset, save_dataset
from rlkit_mini.data.transitions import Batch, Transitions, episode_returns

__all__ = [
    "Batch",
    "Replay",
    "Transitions",
    "checksum",
    "dataset_path",
    "episode_returns",
    "list_datasets",
    "load_dataset",
    "save_dataset",
    "symmetric_indices",
    "uniform_indices",
]
