"""The faults of the catalogue, trained beside sound agents, on equal seeds and equal data.

`python -m rlkit_workbook.studies.faults` writes figures/faults.json: what those look like that a learner has to find.
"""

from __future__ import annotations

import numpy as np
import torch

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data.sets import load_dataset
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.evaluation.measures import coverage
from rlkit_mini.exploration import explore
from rlkit_mini.files import write_json
from rlkit_mini.mazes import MAZES
from rlkit_mini.oracle import Oracle
from rlkit_mini.training import History, train_offline
from rlkit_workbook.faults import FAULTS, SOUND, Control, Fault
from rlkit_workbook.results import RESULTS
from rlkit_workbook.sweeps import half_cells_of

SEEDS, EVALUATIONS = 8, 10  # of each run that a learner sees


def oracle_of(control: Control) -> Oracle:
    """Of the maze that it acts in."""
    return Oracle(MAZES[control.data.split("-")[0]])


def trained(
    control: Control, fault: Fault | None = None, seeds: int = SEEDS, length: int | None = None, evaluations: int = 1
) -> tuple[Agent, list[Transitions] | History]:
    """A sound agent, or that agent with a fault planted in it; and what it explored, or its history.

    Args:
        length: updates or steps, instead of the control's.
        evaluations: of a learner, by the oracle.
    """
    torch.manual_seed(0)  # of the random actions
    agent = (fault.plant(control.agent) if fault else control.agent)(seeds=seeds)
    length = length or control.length
    if control.data in MAZES:
        return agent, explore(agent, MAZES[control.data], length, progress=False)
    data = load_dataset(f"pointmass/{control.data}-v0")
    steps = fault.change(data) if fault else data
    return agent, train_offline(agent, steps, length, oracle_of(control), evaluations, progress=False)


def compared(name: str, seeds: int = SEEDS, length: int | None = None) -> dict:
    """A fault and its control: of learners exact returns and values at the start, of explorers coverage and goals."""
    fault = FAULTS[name]
    result = {"difference": fault.title, "says": fault.says, "data": fault.control.data}
    for label, planted in (("altered", fault), ("control", None)):
        agent, outcome = trained(fault.control, planted, seeds, length)
        if isinstance(outcome, list):
            result[label] = {
                "coverage": [coverage(run.positions, run.maze.walls) for run in outcome],
                "goals": [int(run.terminations.sum()) for run in outcome],
            }
        else:
            judged = Judgement.of(agent, oracle_of(fault.control))
            result |= {label: at_start(judged), "optimal_return": judged.oracle.optimal_return}
    return result


def at_start(judged: Judgement) -> dict[str, list[float] | None]:
    """Exact returns and values at the start, believed (if any are learnt) and true: lists over members."""
    believed = None if judged.q_values is None else judged.believed_start.tolist()
    return {"returns": judged.returns.tolist(), "believed": believed, "true": judged.true_start.tolist()}


def gap(result: dict) -> float:
    """Median of believed - true value at the start."""
    return float(np.median(np.subtract(result["believed"], result["true"])))


def symptoms(control: Control, fault: Fault | None = None) -> dict:
    """What one sees of a run: its curve (evaluations, seeds), values on half-cells and at the start, median over seeds.

    The curve is of exact returns; of an explorer, of the mean reward that its critic was given.
    """
    agent, outcome = trained(control, fault, evaluations=EVALUATIONS)
    oracle = oracle_of(control)
    if isinstance(outcome, list):
        pieces = np.array_split(torch.stack(agent.given).numpy(), EVALUATIONS)  # each (updates, seeds)
        points, curve = np.cumsum([len(piece) for piece in pieces]), np.array([piece.mean(axis=0) for piece in pieces])
    else:
        points, curve = outcome.updates, outcome.returns
    judged = Judgement.at_centres(agent, oracle)
    values = np.median(judged.believed, axis=0)
    owners = half_cells_of(oracle)
    return {
        "points": points.tolist(),
        "curve": np.round(curve, 2).tolist(),
        "values": [round(float(values[owners == cell].mean()), 2) for cell in range(owners.max() + 1)],
        "believed": round(float(np.median(judged.believed_start)), 2),
    }


def believed_change(runs: dict, name: str) -> tuple[Oracle, np.ndarray]:
    """The oracle of a fault's maze, and on its sub-cells what the faulty agent believes minus the sound one."""
    twin = FAULTS[name].unnamed
    oracle = oracle_of(SOUND[twin])
    change = np.subtract(runs["faulty"][name]["values"], runs["healthy"][twin]["values"])  # (half-cells,)
    return oracle, change[half_cells_of(oracle)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    unnamed = {name: fault for name, fault in FAULTS.items() if fault.unnamed}
    runs = {
        "healthy": {twin: symptoms(control) for twin, control in SOUND.items()},
        "faulty": {name: symptoms(SOUND[fault.unnamed], fault) for name, fault in unnamed.items()},
    }
    write_json(RESULTS / "faults.json", runs, indent=None)
