"""Tables of sweeps."""

from __future__ import annotations

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.tables import Table, with_interval
from rlkit_workbook.sweeps import Sweep


def sweep_table(sweep: Sweep) -> Table:
    """A row per setting: the exact return after the last update."""
    rows = []
    for setting in sweep.settings:
        returns = sweep.returns[-1, *sweep.index(setting)]
        words = {name: value if isinstance(value, str) else f"{value:g}" for name, value in setting.items()}
        rows.append(
            words | {"return: IQM [95% interval]": with_interval(returns), "worst seed": f"{returns.min():.1f}"}
        )
    return Table(rows, f"{sweep.algorithm}, {len(sweep.seeds)} seeds; J* {sweep.judge.optimal_return:.1f}")


def overestimation_table(sweep: Sweep, data: Transitions, caption: str) -> Table:
    """Believed - true value of a sweep over one hyperparameter at the states of a data set, a row per setting."""
    ((name, values),) = sweep.grid.items()
    at_data = sweep.overestimation[:, sweep.judge.sub_cells(data.observations)]  # (settings, transitions)
    rows = [
        {
            name: value if isinstance(value, str) else f"{value:g}",
            "mean over the data's states": f"{at_data[i].mean():+.2f}",
            "share of them overestimated": f"{(at_data[i] > 0).mean():.0%}",
            "largest anywhere": f"{sweep.overestimation[i].max():+.1f}",
        }
        for i, value in enumerate(values)
    ]
    return Table(rows, caption)
