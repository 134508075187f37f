"""The agents, one file per algorithm: its paper's equations as functions, then the agent that uses them.

`ALGORITHMS` is the list of them; a new algorithm is a file and a row. Classes are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from rlkit_mini.names import Catalogue

if TYPE_CHECKING:
    from rlkit_mini.agents.agent import Agent
    from rlkit_mini.agents.awac import AWAC
    from rlkit_mini.agents.bc import BC
    from rlkit_mini.agents.cql import CQL
    from rlkit_mini.agents.dqn import DQN
    from rlkit_mini.agents.guides import RandomAgent
    from rlkit_mini.agents.iql import IQL
    from rlkit_mini.agents.rnd import RND

__all__ = ["ALGORITHMS", "AWAC", "BC", "CQL", "DQN", "IQL", "RND", "Algorithm", "RandomAgent", "offline"]


class Algorithm(NamedTuple):
    """One algorithm.

    Attributes:
        path: of its class, "module:class".
        color, marker, linestyle: of its curves.
        label: the word that figures, tables and the names of experiments have for it.
        explores: whether it collects data itself; else it learns from given data.
    """

    path: str
    color: str
    marker: str
    linestyle: str | tuple
    label: str
    explores: bool = False

    @property
    def style(self) -> dict:
        """Colour, marker and line style, as matplotlib takes them."""
        return {"color": self.color, "marker": self.marker, "linestyle": self.linestyle}

    def load(self) -> type[Agent]:
        """Its class."""
        module, _, name = self.path.partition(":")
        return getattr(importlib.import_module(module), name)


# Okabe and Ito's colours, which colour-blind readers tell apart; marker and line differ as well
ALGORITHMS = Catalogue(
    "algorithm",
    {
        "RandomAgent": Algorithm(f"{__name__}.guides:RandomAgent", "#8c8c8c", "x", ":", "random", explores=True),
        "RND": Algorithm(f"{__name__}.rnd:RND", "#56b4e9", "v", "-", "RND", explores=True),
        "BC": Algorithm(f"{__name__}.bc:BC", "#e69f00", "s", "--", "BC"),
        "DQN": Algorithm(f"{__name__}.dqn:DQN", "#d55e00", "o", "-", "DQN"),
        "CQL": Algorithm(f"{__name__}.cql:CQL", "#0072b2", "D", "-", "CQL"),
        "AWAC": Algorithm(f"{__name__}.awac:AWAC", "#009e73", "^", "-.", "AWAC"),
        "IQL": Algorithm(f"{__name__}.iql:IQL", "#cc79a7", "P", (0, (6, 2)), "IQL"),
    },
)


def offline() -> Catalogue:
    """Those of `ALGORITHMS` that learn from given data."""
    return Catalogue("algorithm", {name: row for name, row in ALGORITHMS.items() if not row.explores})


def __getattr__(name: str) -> type[Agent]:
    if name in ALGORITHMS:
        return ALGORITHMS[name].load()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
