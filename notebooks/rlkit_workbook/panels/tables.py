"""Tables of sweeps."""

from __future__ import annotations

from rlkit_mini.data.transitions import Transitions
from rlkit_mini.plots.style import label_of
from rlkit_mini.tables import Table, with_interval
from rlkit_workbook.sweeps import Sweep


def sweep_table(sweep: Sweep) -> Table:
    """A row per setting: the exact return after the last update."""
    rows = []
    for setting in sweep.settings:
        returns = sweep.returns[-1, *sweep.index(setting)]
        numbers = {"return: IQM [95% interval]": with_interval(returns), "worst seed": f"{returns.min():.1f}"}
        rows.append({name: label_of(value) for name, value in setting.items()} | numbers)
    return Table(rows, f"{sweep.algorithm}, {len(sweep.seeds)} seeds; J* {sweep.judge.optimal_return:.1f}")


def overestimation_table(sweep: Sweep, data: Transitions, caption: str) -> Table:
    """Believed - true value of a sweep over one hyperparameter at the states of a data set, a row per setting."""
    ((name, values),) = sweep.grid.items()
    at_data = sweep.overestimation[:, sweep.judge.sub_cells(data.observations)]  # (settings, transitions)
    rows = [
        {
            name: label_of(value),
            "mean over the data's states": f"{at_data[i].mean():+.2f}",
            "share of them overestimated": f"{(at_data[i] > 0).mean():.0%}",
            "largest anywhere": f"{sweep.overestimation[i].max():+.1f}",
        }
        for i, value in enumerate(values)
    ]
    return Table(rows, caption)
