"""The gallery: every algorithm on every kind of data, over its settings: `python -m rlkit_workbook.studies.gallery`.

Committed as `figures/gallery.npz`, in a byte per half-cell; `sweeps.Gallery` gives it back.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tyro
from matplotlib.figure import Figure

from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL
from rlkit_mini.agents.settings import sign_of
from rlkit_mini.experiments import Experiment
from rlkit_mini.files import whole_file
from rlkit_mini.plots.maps import VALUES
from rlkit_mini.plots.style import INK, label_axes, label_of, new_figure
from rlkit_workbook.results import RESULTS
from rlkit_workbook.studies.ablations import KNOBS, SHARES
from rlkit_workbook.studies.parts import processes
from rlkit_workbook.studies.sweeping import sweep
from rlkit_workbook.sweeps import WORST, Sweep, grid_as_arrays, half_cells_of

UPDATES, SEEDS, EVALUATIONS = 2_000, 8, 2
GRIDS = {
    BC: {},
    DQN: {},
    CQL: {"alpha": [0.03, 0.1, 0.3, 1, 3, 10]},
    AWAC: {"temperature": [0.1, 0.3, 1]},
    IQL: {"expectile": [0.7, 0.9], "temperature": [0.1, 1]},
}


def _datasets(maze: str) -> list[str]:
    """Those committed and walks; in the medium maze also independent steps."""
    committed = {
        "easy": ("random", "rnd"),
        "medium": ("random", "rnd-1000", "rnd-5000", "rnd", "near-expert", "lazy"),
        "hard": ("random", "rnd", "near-expert"),
    }
    names = [f"pointmass/{maze}-{name}-v0" for name in committed[maze]]
    names += [f"walked/{maze}-{share:g}" for share in SHARES]
    drawn = [f"drawn/{maze}-{places:g}-{actions:g}" for places in KNOBS for actions in KNOBS]
    return names + drawn * (maze == "medium")


GALLERY_MAZES = ("easy", "medium", "hard")
GROUPS = {maze: (GRIDS, _datasets(maze)) for maze in GALLERY_MAZES}  # agents with their grids, data sets
GROUPS["collections"] = (  # one kind of data, collected eight times, and eight agents on each
    {CQL: {"alpha": [0.1, 1]}},
    [f"walked/medium-0.1-seed{seed}" for seed in range(SEEDS)],
)


def make_gallery(
    updates: int = UPDATES,
    workers: int | None = None,
    parts: Path = Path("results/gallery"),
    out: Path = RESULTS / "gallery.npz",
) -> None:
    """Train the gallery, one sweep per group and algorithm; a second call trains only what is missing.

    Args:
        updates: of every member.
        workers: as of `python -m rlkit_workbook sweep`.
        parts: folder of the finished parts.
        out: the gallery's file.
    """
    arrays = {}
    with processes(workers) as executor:
        for group, (agents, datasets) in GROUPS.items():
            for agent, grid in agents.items():
                name, grid = f"{group} {agent.__name__}", grid | {"dataset": datasets}
                row = Experiment(name, agent.__name__, datasets[0], updates=updates)
                print(name, flush=True)
                done = sweep(row, grid, SEEDS, executor, evaluations=EVALUATIONS, folder=parts)
                arrays |= {f"{name}/{key}": array for key, array in compress(done).items()}
    with whole_file(out) as part:
        np.savez_compressed(part, **arrays)


KINDS = ("noisy expert", "drawn, optimal or noisy", "lazy guide", "explorer, or 10,000 random", "1,000 random actions")


def kind_of(dataset: str) -> str:
    """The kind of behaviour that a data set of the gallery is from, one of `KINDS`."""
    family, _, name = dataset.partition("/")
    if family != "pointmass":
        if name.endswith("-1"):
            return "1,000 random actions"
        return "drawn, optimal or noisy" if family == "drawn" else "noisy expert"
    return "noisy expert" if "expert" in name else "lazy guide" if "lazy" in name else "explorer, or 10,000 random"


DATASETS = [name for maze in GALLERY_MAZES for name in GROUPS[maze][1]]
BY_KIND = {kind: [place for place, name in enumerate(DATASETS) if kind_of(name) == kind] for kind in KINDS}


def gallery_scores(gallery: Mapping[str, Sweep], algorithm: str) -> np.ndarray:
    """Of an algorithm on all of `DATASETS`: (*hyperparameters, data sets, seeds).

    A score is linear in the exact return: 100 for the optimum, 0 for never arriving.
    """
    found = []
    for done in (gallery[f"{maze} {algorithm}"] for maze in GALLERY_MAZES):
        never, best = -done.judge.maze.horizon, done.judge.optimal_return
        found.append(100 * (done.returns[-1] - never) / (best - never))
    return np.concatenate(found, axis=-2)


SHOWN = {  # settings of the medium maze's sweeps, by the labels of figures
    "BC": {},
    "DQN": {},
    "CQL, α 0.1": {"alpha": 0.1},
    "CQL, α 1": {"alpha": 1},
    "AWAC": {"temperature": 0.3},
    "IQL": {"expectile": 0.7, "temperature": 0.1},
}


def returns_on(gallery: Mapping[str, Sweep], datasets: Sequence[str]) -> dict[str, np.ndarray]:
    """Exact returns (data sets, seeds) of each of `SHOWN` on data sets of the medium maze."""
    found = {}
    for label, setting in SHOWN.items():
        done = gallery[f"medium {label.split(',')[0]}"]
        found[label] = np.stack([done.returns[-1, *done.index(setting | {"dataset": name})] for name in datasets])
    return found


def median_scores(gallery: Mapping[str, Sweep]) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of all data sets; algorithm -> the median seed's score (settings, data sets)."""
    found = {agent.__name__: gallery_scores(gallery, agent.__name__) for agent in GRIDS}
    middles = {label: np.median(each, axis=-1).reshape(-1, len(DATASETS)) for label, each in found.items()}
    return DATASETS, middles


def standings(gallery: Mapping[str, Sweep]) -> tuple[dict[str, dict], dict[str, dict[str, np.ndarray]]]:
    """Which algorithm for which data, with one setting each for all data.

    Returns:
        algorithm -> its setting, the one with the best mean score of half of the seeds;
        kind of data -> algorithm -> scores (data sets, seeds) of that setting, of the other half.
    """
    chosen, table = {}, {kind: {} for kind in KINDS}
    for agent, grid in GRIDS.items():
        each = gallery_scores(gallery, agent.__name__)
        half = each.shape[-1] // 2
        means = each[..., :half].mean(axis=(-2, -1))  # (*hyperparameters,)
        place = np.unravel_index(means.argmax(), means.shape)
        chosen[agent.__name__] = {name: values[at] for (name, values), at in zip(grid.items(), place, strict=True)}
        for kind, rows in BY_KIND.items():
            table[kind][agent.__name__] = each[place][rows, half:]
    return chosen, table


def draw_gallery(gallery: Mapping[str, Sweep]) -> Figure:
    """The median seed's score of every setting (columns) on every data set (rows, by the kind of data)."""
    (names, scores), order = median_scores(gallery), [row for rows in BY_KIND.values() for row in rows]
    labels, edges = [], []
    for agent, grid in GRIDS.items():
        for number, values in enumerate(itertools.product(*grid.values())):
            setting = zip(grid, values, strict=True)
            words = [f"{sign_of(name, agent.__name__)} {label_of(value)}" for name, value in setting]
            labels.append(", ".join([agent.__name__] * (number == 0) + words))
        edges.append(len(labels))
    figure, ax = new_figure(height=0.18 * len(names) + 1.6)
    image = ax.imshow(np.concatenate(list(scores.values())).T[order], VALUES, vmin=0, vmax=100, aspect="auto")
    ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    ax.set_yticks(range(len(names)), [label_of(names[row]) for row in order], fontsize=7.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for edge in edges[:-1]:
        ax.axvline(edge - 0.5, color="white", linewidth=3)
    first = 0
    for kind, rows in BY_KIND.items():
        ax.axhline(first - 0.5, color="white", linewidth=3)
        style = {"ha": "left", "va": "center", "fontsize": 8.5, "color": INK}
        ax.text(len(labels) - 0.3, first + len(rows) / 2 - 0.5, kind.replace(", ", ",\n"), **style)
        first += len(rows)
    bar = figure.colorbar(image, ax=ax, fraction=0.025, pad=0.02)
    bar.set_label("score of the median seed (100: optimal, 0: never arrives)", fontsize=9, color=INK)
    bar.outline.set_visible(False)
    label_axes(ax, "No column is bright everywhere: every setting on every data set")
    return figure


def compress(sweep: Sweep) -> dict[str, np.ndarray]:
    """A sweep in bytes: returns to 0.01, and of each half-cell's mean value, believed and true, and likeliest action.

    Values from 0 to `WORST`, which true values cannot leave, are 255 to 0.
    """
    owners, believed = half_cells_of(sweep.judge), sweep.values
    true = believed - np.nan_to_num(sweep.overestimation)
    average = np.eye(owners.max() + 1)[owners]  # (sub-cells, half-cells)
    average /= average.sum(axis=0)
    arrays = {
        name: np.rint(255 * (1 - np.clip(values @ average / WORST, 0, 1))).astype(np.uint8)
        for name, values in (("believed", believed), ("true", true))
    }
    votes = np.einsum("...sa,sh->...ha", sweep.policy, average)
    arrays["actions"] = votes.argmax(axis=-1).astype(np.uint8)
    arrays["returns"] = sweep.returns.round(2).astype(np.float32)
    arrays |= {name: getattr(sweep, name).astype(np.float32) for name in ("believed_start", "true_start")}
    arrays |= {"updates": sweep.updates, "seeds": sweep.seeds, "maze": np.array(sweep.judge.maze.name)}
    return arrays | grid_as_arrays(sweep.grid)


if __name__ == "__main__":
    tyro.cli(make_gallery)
