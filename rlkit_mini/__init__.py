"""rlkit_mini: exploration and offline reinforcement learning on mazes that can be solved exactly.

To import it registers the environments with Gymnasium, and nothing else; each name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import rlkit_mini.pointmass

if TYPE_CHECKING:
    from rlkit_mini.data.sets import load_dataset
    from rlkit_mini.exploration import explore
    from rlkit_mini.mazes import MAZES
    from rlkit_mini.oracle import Oracle
    from rlkit_mini.training import fine_tune, train_offline

__all__ = ["MAZES", "Oracle", "explore", "fine_tune", "load_dataset", "train_offline"]

HOMES = {
    "MAZES": "mazes",
    "Oracle": "oracle",
    "explore": "exploration",
    "fine_tune": "training",
    "load_dataset": "data.sets",
    "train_offline": "training",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
