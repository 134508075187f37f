"""Transitions, the Minari data sets they are read from and written to, and what minibatches are drawn from."""

from rlkit_mini.data.replay import Replay, symmetric_indices, uniform_indices
from rlkit_mini.data.sets import checksum, dataset_path, list_datasets, load_dataset, save_dataset
from rlkit_mini.data.transitions import Batch, Transitions, episode_returns
