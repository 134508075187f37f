"""rlkit_mini: exploration and offline reinforcement learning on mazes that can be solved exactly."""

import rlkit_mini.pointmass  # noqa: F401  registers the environments
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.exploration import explore
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.training import fine_tune, train_offline

__all__ = ["MAZES", "Oracle", "explore", "fine_tune", "load_dataset", "train_offline"]
