"""Exercises that check themselves: the learner writes an equation, and the cells below run it.

```python
@exercise
def td_target(rewards, terminations, next_values, discount):
    ...
```
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from IPython.display import display

from rlkit_mini.names import Catalogue
from rlkit_workbook.exercises import (
    awac,
    cql,
    data_sets,
    dqn,
    exploring,
    fine_tuning,
    iql,
    judging,
    progress_file,
    rnd,
)
from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.exercises.checking import Exercise, judge
from rlkit_workbook.exercises.finding_faults import unnamed_faults
from rlkit_workbook.exercises.quizzes import quiz

__all__ = ["EXERCISES", "Exercise", "exercise", "hint", "progress", "quiz", "show_solution", "unnamed_faults"]

_SUBJECTS = (exploring, rnd, data_sets, dqn, cql, awac, iql, judging, fine_tuning)  # in the notebooks' order
EXERCISES = Catalogue("exercise", {item.name: item for subject in _SUBJECTS for item in subject.EXERCISES})


def exercise(function: Callable) -> Callable:
    """Check the learner's function, say what was found, and return it if it is right, else the reference."""
    item = EXERCISES[getattr(function, "__name__", function)]
    try:
        box, goes_on = judge(item, function)
    except KeyboardInterrupt:
        text = "Interrupted before your function had answered. Is there a loop that never ends?"
        closing = "Until it is right, the reference goes on in its place."
        box, goes_on = Box("wrong", f"`{item.name}`", (text,), closing=closing), item.reference
    if box.kind != "open":
        progress_file.record(item.name, "right" if box.kind == "right" else "attempted")
    display(box)
    return goes_on


def hint(name: str) -> None:
    """Show an exercise's hint."""
    display(Box("hint", EXERCISES[name].title, (EXERCISES[name].texts["hint"],)))


def show_solution(name: str) -> None:
    """Show the reference of an exercise."""
    display(Box("solution", EXERCISES[name].title, code=inspect.getsource(EXERCISES[name].reference)))


def progress() -> None:
    """Show which exercises of which notebooks are right, attempted or still open."""
    states = progress_file.read()
    words = {"right": "✓ right", "attempted": "✗ attempted", None: "○ not attempted"}
    rows = {f"{item.texts['notebook']} {name}": words[states.get(name)] for name, item in EXERCISES.items()}
    right = sum(states.get(name) == "right" for name in EXERCISES)
    display(Box("progress", f"{right} of {len(EXERCISES)} exercises right", rows=rows))
