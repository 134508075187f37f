"""The workbook: what makes the notebooks one, on top of `rlkit_mini`. A notebook needs one import line:

```python
from rlkit_workbook import exercise, hint, quiz, show_solution, start

start("04")
```
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlkit_workbook.claiming import claims
    from rlkit_workbook.exercises import (
        beliefs,
        draw_build,
        exercise,
        explore_build,
        hand_in,
        hint,
        points,
        predict,
        progress,
        quiz,
        reveal,
        show_solution,
        unnamed_faults,
    )
    from rlkit_workbook.widgets import data_painter, gallery_panel, live_trainer, probe, scrub

HOMES = {
    "claims": "claiming",
    "beliefs": "exercises",
    "draw_build": "exercises",
    "exercise": "exercises",
    "explore_build": "exercises",
    "hand_in": "exercises",
    "hint": "exercises",
    "points": "exercises",
    "predict": "exercises",
    "progress": "exercises",
    "quiz": "exercises",
    "reveal": "exercises",
    "show_solution": "exercises",
    "unnamed_faults": "exercises",
    "data_painter": "widgets",
    "gallery_panel": "widgets",
    "live_trainer": "widgets",
    "probe": "widgets",
    "scrub": "widgets",
}
__all__ = ["start", *HOMES]


def start(notebook: str) -> None:
    """What the first cell of a notebook asks for: torch computes in one thread, unless OMP_NUM_THREADS says otherwise.

    What is imported by then stays, and is searched for garbage no more, which stopped everything for 0.15 s at a time.

    Args:
        notebook: its number, such as "04".

    Raises:
        UnknownNameError: there is no such notebook.
    """
    from rlkit_mini.training import use_one_thread
    from rlkit_workbook.exercises.quizzes import QUIZZES  # every notebook ends with one

    QUIZZES[notebook]
    use_one_thread()
    gc.freeze()


def _check_package() -> None:
    """Raise where the `rlkit_mini` that Python finds is another than the one this was made with."""
    here, found = Path(__file__).resolve().parent, importlib.util.find_spec("rlkit_mini")
    there = Path(found.origin).resolve().parent if found and found.origin else None
    if there not in (here.parent / "rlkit_mini", here.parents[1] / "rlkit_mini"):  # installed; in a checkout
        raise ImportError(
            f"the workbook is in {here.parent}, rlkit_mini {f'in {there.parent}' if there else 'nowhere'}; "
            "expected both from one place: run `pip install -e .` in the folder of the course"
        )


def __getattr__(name: str):
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_check_package()
