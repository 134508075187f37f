"""Exercises that check themselves: the learner writes an equation, and the cells below run it.

```python
@exercise
def td_target(rewards, terminations, next_values, discount):
    ...
```
"""

from __future__ import annotations

from collections.abc import Callable

from IPython.display import display

from rlkit_mini.names import Catalogue
from rlkit_workbook.exercises import (
    awac,
    beyond_the_maze,
    cql,
    data_ablations,
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
from rlkit_workbook.exercises.building import BUILDS, draw_build, explore_build
from rlkit_workbook.exercises.checking import Exercise, judge
from rlkit_workbook.exercises.finding_faults import unnamed_faults
from rlkit_workbook.exercises.hand_in import hand_in
from rlkit_workbook.exercises.predictions import predict, reveal
from rlkit_workbook.exercises.quizzes import beliefs, quiz

# In the notebooks' order
_SUBJECTS = (exploring, rnd, data_sets, dqn, cql, awac, iql, data_ablations, judging, fine_tuning, beyond_the_maze)
EXERCISES = Catalogue("exercise", {item.name: item for subject in _SUBJECTS for item in subject.EXERCISES})
ITEMS = Catalogue("exercise", EXERCISES | BUILDS)
_points: dict[str, float] = {}  # of each exercise's last attempt
_hinted: dict[str, int] = {}  # how many steps of each exercise's hints were shown


def exercise(attempt: Callable) -> Callable:
    """Check the learner's function (or class), say what was found, and return it if it is right, else the reference."""
    item = ITEMS[getattr(attempt, "__name__", attempt)]
    try:
        box, goes_on = judge(item, attempt)
    except KeyboardInterrupt:
        text = "Interrupted before your code had answered. Is there a loop that never ends?"
        closing = "Until it is right, the reference goes on in its place."
        box, goes_on = Box("wrong", f"`{item.name}`", (text,), closing=closing), item.reference
    if box.kind != "open":
        progress_file.record("exercises", item.name, "right" if box.kind == "right" else "attempted")
    _points[item.name] = box.points
    display(box)
    return goes_on


def points(name: str) -> float:
    """The share of its checks that the last attempt at an exercise passed; what a test cell of nbgrader ends with."""
    return _points.get(ITEMS[name].name, 0.0)


def hint(name: str) -> None:
    """Show an exercise's hint; of a larger one, each call shows the next step."""
    item = ITEMS[name]
    hints = item.texts.get("hints") or [item.texts["hint"]]
    step = _hinted[name] = min(_hinted.get(name, 0) + 1, len(hints))
    title = item.title + f", step {step} of {len(hints)}" * (len(hints) > 1)
    display(Box("hint", title, (hints[step - 1],)))


def show_solution(name: str) -> None:
    """Show the reference of an exercise."""
    display(Box("solution", ITEMS[name].title, code=ITEMS[name].solution))


def progress() -> None:
    """Show which exercises are right, attempted or still open, and what was predicted and answered."""
    states, words = progress_file.read(), {"right": "✓ right", "attempted": "✗ attempted", None: "○ not attempted"}
    items = sorted(ITEMS.values(), key=lambda item: item.texts["notebook"])
    rows = {f"{item.texts['notebook']} {item.name}": words[states.get(item.name)] for item in items}
    right, built = (sum(states.get(name) == "right" for name in names) for names in (EXERCISES, BUILDS))
    for name, said in progress_file.read("predictions").items():
        rows[f"predicted {name}"] = f"{said['answer']}" + (f", because {said['why']}" if said.get("why") else "")
    for name, chosen in progress_file.read("quizzes").items():
        rows[f"answered {name}"] = f"{sum(answer is not None for answer in chosen)} questions"
    words = f"{right} of {len(EXERCISES)} exercises right, {built} of {len(BUILDS)} larger ones"
    display(Box("progress", words, rows=rows))
