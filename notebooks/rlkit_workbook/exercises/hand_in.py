"""What a learner hands in beside a notebook: predictions and quiz answers, which the notebook itself does not keep."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from rlkit_mini.files import write_json
from rlkit_workbook.exercises import progress_file
from rlkit_workbook.exercises.predictions import PREDICTIONS
from rlkit_workbook.exercises.quizzes import QUIZZES


def hand_in(notebook: str) -> None:
    """Write what was predicted and answered in a notebook ("04") into `04.answers.json`, beside it.

    Raises:
        UnknownNameError: there is no such notebook.
    """
    QUIZZES[notebook]
    predictions, quizzes = progress_file.read("predictions"), progress_file.read("quizzes")
    mine = {name for name, entry in PREDICTIONS.items() if entry["notebook"] == notebook}
    asked = {"00": ("before",), "07": ("after",)}.get(notebook, ())
    answers = {
        "notebook": notebook,
        "version": version("rlkit_mini"),
        "predictions": {name: said for name, said in predictions.items() if name in mine},
        "quizzes": {name: quizzes[name] for name in (notebook, *asked) if name in quizzes},
    }
    path = Path(f"{notebook}.answers.json")
    write_json(path, answers)
    said = f"{len(answers['predictions'])} of {len(mine)} predictions" if mine else "your answers to the quizzes"
    print(f"{path} holds {said}; hand it in together with the notebook")
