"""What was handed in: whose it is, its cells, and the answers that were kept beside it."""

from __future__ import annotations

import glob
import json
import operator
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from rlkit_workbook.exercises.predictions import PREDICTIONS
from rlkit_workbook.exercises.quizzes import BELIEFS, QUIZZES

ANSWERS = ".answers.json"
TITLES = (
    "start_here|pointmass_and_random_exploration|random_network_distillation|collecting_datasets|offline_dqn|"
    "conservative_q_learning|awac|implicit_q_learning|data_ablations|is_it_real|online_fine_tuning|beyond_the_maze|"
    "playground"
)
LARGEST = 100 << 20  # bytes of a notebook
COPIED = 64 << 20  # bytes of what lies beside it


@dataclass(frozen=True)
class Notebook:
    """The code cells of a notebook, by their place among all cells ("cell 1"), and under which heading each stands."""

    cells: dict[str, str]
    sections: dict[str, str]

    @property
    def number(self) -> str:
        """The number that it starts with by `start("05")`; empty where it does not."""
        found = re.search(r"^\s*start\(\s*['\"](\d\d)['\"]", "\n".join(self.cells.values()), flags=re.MULTILINE)
        return found[1] if found else ""


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The notebooks and answers that are meant: files, all in a folder, or what matches a wildcard.

    Answers beside a notebook belong to it. That wildcards are expanded here is for shells that do not.

    Raises:
        ValueError: there is no such file, or nothing to grade.
    """
    found: dict[Path, None] = {}
    for path in paths:
        named = [path] if path.exists() else [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
        if not named:
            raise ValueError(
                f"{path} is no file: name the notebooks to grade, or their folders, such as submissions/*/05_*.ipynb"
            )
        for one in named:
            found |= dict.fromkeys(_within(one) if one.is_dir() else [one, *sorted(one.parent.glob(f"*{ANSWERS}"))])
    if not any(path.name.endswith(".ipynb") for path in found):
        raise ValueError("there is nothing to grade; expected at least one notebook, such as submissions/*/05_*.ipynb")
    return list(found)


def _within(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.name.endswith((".ipynb", ANSWERS)) and path.is_file()]
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def students(paths: Sequence[Path]) -> dict[Path, str]:
    """Whose each file is: of a folder for each student its name, else what a file is called beside its notebook's name.

    "ada/04_offline_dqn.ipynb", "ada_04.ipynb" and "04_offline_dqn_ada.ipynb" are ada's.
    """
    absolute = {path: path.absolute() for path in paths}
    root = Path(os.path.commonpath([path.parent for path in absolute.values()]))
    found = {}
    for path, place in absolute.items():
        folders = place.relative_to(root).parts[:-1]
        if folders:
            found[path] = re.sub(r"_\d+_assignsubmission_file_?$", "", folders[0])
            continue
        stem = place.name.removesuffix(ANSWERS).removesuffix(".ipynb")
        own = re.sub(rf"(^|[\W_])\d\d(_({TITLES}))?(?=$|[\W_])", " ", stem)
        own = re.sub(r"\(\d*\)|\bcopy\b", " ", own, flags=re.IGNORECASE)
        found[path] = re.sub(r"[\s_-]+", " ", own).strip() or root.name
    return found


def read_notebook(path: Path) -> Notebook:
    """The cells of a file.

    Raises:
        ValueError: it is no notebook, or too large for one.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST >> 20} MB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cells = nbformat.read(path, as_version=4).cells
        sources, sections, heading = {}, {}, ""
        for i, cell in enumerate(cells, start=1):
            if cell.cell_type == "code":
                sources[f"cell {i}"], sections[f"cell {i}"] = str(cell.source), heading
            elif titles := re.findall(r"^#{1,4} +(.+)", str(cell.source), flags=re.MULTILINE):
                heading = titles[-1].strip()
        return Notebook(sources, sections)
    except Exception as error:  # a damaged file fails in many ways
        reason = str(error).strip().partition("\n")[0][:80]
        raise ValueError(f"{path} is no notebook ({type(error).__name__}: {reason})") from error


def read_answers(path: Path) -> dict:
    """What `hand_in` wrote: notebook, version, predictions and quizzes, as far as they are what they should be.

    Raises:
        ValueError: it is nothing of the kind.
    """
    try:
        if path.stat().st_size > 1 << 20:
            raise ValueError("it has more than 1 MB")
        found = json.loads(path.read_text(encoding="utf-8"))
        said, chosen = found["predictions"], found["quizzes"]
        predictions = {
            name: {key: str(said[name].get(key, ""))[:500] for key in ("answer", "why")}
            for name in PREDICTIONS
            if isinstance(said.get(name), dict)
        }
        quizzes = {
            name: [answer if isinstance(answer, str) else None for answer in chosen[name]]
            for name in (*QUIZZES, *BELIEFS)
            if isinstance(chosen.get(name), list)
        }
        return {"version": str(found.get("version", ""))[:20], "predictions": predictions, "quizzes": quizzes}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} holds no answers of `hand_in` ({type(error).__name__})") from error


def right_answers(quiz: str) -> list[str]:
    """The right answer of each question of a quiz."""
    entries = BELIEFS.get(quiz) or QUIZZES[quiz]
    return [next(answer["right"] for answer in entry["answers"] if "right" in answer) for entry in entries]


def scored(quiz: str, chosen: Sequence[str | None]) -> dict:
    """The answers chosen, how many of them are right, and of how many questions."""
    right = right_answers(quiz)
    return {"answers": chosen, "right": sum(map(operator.eq, chosen, right)), "of": len(right)}


def neighbours(path: Path) -> list[Path]:
    """What lies beside a notebook that it may read, other notebooks and answers left out, as far as it is not much."""
    found, size = [], 0
    for folder, folders, names in os.walk(path.parent):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(names):
            file = Path(folder, name)
            if file.is_symlink() or not file.is_file() or name.endswith((".ipynb", ANSWERS)) or name[0] == ".":
                continue
            size += file.stat().st_size
            if size > COPIED or len(found) == 1_000:
                return found
            found.append(file)
    return found


def copy_neighbours(path: Path, folder: Path) -> None:
    """Copy what lies beside a notebook into a new folder."""
    folder.mkdir()
    for file in neighbours(path):
        copy = folder / file.relative_to(path.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
