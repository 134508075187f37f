"""What graded rows say: tables for a terminal, a CSV for a learning platform, and a page of feedback per student."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rlkit_mini.files import whole_file, write_csv
from rlkit_mini.tables import Table
from rlkit_workbook.exercises import EXERCISES, ITEMS
from rlkit_workbook.exercises.boxes import aligned
from rlkit_workbook.exercises.grading.submissions import right_answers
from rlkit_workbook.exercises.predictions import PREDICTIONS
from rlkit_workbook.exercises.quizzes import BELIEFS

MARKS = {"right": "✓ right", "attempted": "✗ not yet", "open": "○ not attempted", "not reached": "– not reached"}


def grade_tables(rows: Sequence[dict]) -> list[Table]:
    """A table for each notebook; the mistakes made by more than one student; what a class predicted and believed."""
    groups = defaultdict(dict)
    for row in rows:
        for name, found in row["exercises"].items():
            groups[found["notebook"]].setdefault(row["student"], {})[name] = found["state"]
    tables = [_notebook_table(notebook, group) for notebook, group in sorted(groups.items())]
    told = [
        {"student": row["student"], "problem": _shortened(text)}
        for row in rows
        for text in filter(None, [row["problem"], *row["remarks"]])
    ]
    made = Counter((name, found["remark"]) for row in rows for name, found in row["exercises"].items())
    often = [
        {"exercise": name, "students": count, "what the checker says": _shortened(remark)}
        for (name, remark), count in made.most_common()
        if remark and count > 1
    ]
    listed = {
        "\nProblems, and what is worth a look": told,
        "\nMade by more than one student": often,
        "\nPredicted": _predicted(rows),
        "\nBelieved, before the course and after its core path": _believed(rows),
    }
    return tables + [Table(lines, caption) for caption, lines in listed.items() if lines]


def _notebook_table(notebook: str, group: dict[str, dict[str, str]]) -> Table:
    names = [name for name in ITEMS if any(name in states for states in group.values())]
    lines = [{"student": student} | {n: states.get(n, "–") for n in names} for student, states in group.items()]
    if len(lines) > 1:
        right = {name: sum(line[name] == "right" for line in lines) for name in names}
        lines.append({"student": f"right, of {len(group)}"} | right)
    return Table(lines, f"\nNotebook {notebook}")


def _predicted(rows: Sequence[dict]) -> list[dict]:
    lines = []
    for name in PREDICTIONS:
        said = Counter(row["predictions"].get(name, {}).get("answer") for row in rows).most_common()
        lines += [{"prediction": name, "students": count, "said": answer} for answer, count in said if answer]
    return lines


def _believed(rows: Sequence[dict]) -> list[dict]:
    """Of each question asked before and after: how many were right each time, and what else was believed most."""
    lines = []
    for number, entry in enumerate(BELIEFS["after"]):
        line = {"question": _shortened(entry["question"], 70)}
        for when in ("before", "after"):
            chosen = [row["quizzes"].get(when, {}).get("answers", []) for row in rows]
            given = Counter(answer for answers in chosen for answer in answers[number : number + 1] if answer)
            right = given.pop(right_answers(when)[number], 0)
            wrong = given.most_common(1)
            line |= {f"right {when}": f"{right} of {right + given.total()}"}
            line |= {f"else {when}": _shortened(wrong[0][0], 50) if wrong else "–"}
        lines.append(line)
    return lines if any("before" in row["quizzes"] or "after" in row["quizzes"] for row in rows) else []


def _shortened(text: str, length: int = 100) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def write_marks(path: Path, rows: Sequence[dict]) -> None:
    """A row per student, of points, states and mistakes per exercise; of predictions, quizzes; and the sum of points.

    Points are shares of the checks passed, from 0 to 1. The larger exercises are optional, and not part of the sum.
    """
    exercises = [name for name in ITEMS if any(name in row["exercises"] for row in rows)]
    predictions = [name for name in PREDICTIONS if any(name in row["predictions"] for row in rows)]
    quizzes = sorted({name for row in rows for name in row["quizzes"]})
    missing, lines = {"state": "missing", "points": 0.0, "mistake": ""}, []
    for row in rows:
        found = {name: row["exercises"].get(name, missing) for name in exercises}
        asked = [one["points"] for name, one in found.items() if name in EXERCISES]
        line = {"student": row["student"], "points": f"{sum(asked):.2f}", "of": len(asked)}
        for name, one in found.items():
            line |= {f"{name} {what}": one[what] for what in missing} | {f"{name} points": f"{one['points']:.2f}"}
        line |= {f"predicted {name}": row["predictions"].get(name, {}).get("answer", "") for name in predictions}
        line |= {f"quiz {name}": row["quizzes"].get(name, {}).get("right", "") for name in quizzes}
        line |= {"version": row["version"], "remarks": "; ".join(filter(None, [row["problem"], *row["remarks"]]))}
        lines.append(line)
    write_csv(path, list(lines[0]), [list(map(_harmless, line.values())) for line in lines])


def _harmless(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula, on one line."""
    text = " ".join(str(cell).split())
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) and not re.fullmatch(r"[+-]?[\d.]+", text) else text


def write_feedback(folder: Path, rows: Sequence[dict]) -> None:
    """A page per student, as Markdown, under the student's name."""
    taken: set[str] = set()
    for row in rows:
        name = re.sub(r"[^\w .()-]+", "_", row["student"]).strip(". ")[:80] or "student"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        with whole_file(folder / f"{name}.md") as part:
            part.write_text(feedback(row), encoding="utf-8")


def feedback(row: dict) -> str:
    """What a student is told: of each exercise the mistake, what was expected and got, and where to read again."""
    found, lines = row["exercises"], [f"# {_plain(row['student'])}"]
    asked = [one for name, one in found.items() if name in EXERCISES]
    right = sum(one["state"] == "right" for one in asked)
    done = asked and right == len(asked) and not row["problem"]
    done = done and all(one["state"] in ("right", "open") for one in found.values())
    lines.append("All right." if done else f"{right} of {len(asked)} exercises are right.")
    lines += [f"Not judged: {_plain(row['problem'])}"] if row["problem"] and not found else []
    for notebook in dict.fromkeys(one["notebook"] for one in found.values()):
        lines.append(f"## Notebook {notebook}")
        for name, one in found.items():
            if one["notebook"] == notebook:
                lines += _exercise_lines(name, one)
    if row["quizzes"]:
        lines.append("## Quizzes")
        lines += [f"- {name}: {one['right']} of {one['of']} answers are right" for name, one in row["quizzes"].items()]
    return "\n\n".join(lines) + "\n"


def _exercise_lines(name: str, one: dict) -> list[str]:
    lines = [f"### `{name}`: {MARKS[one['state']]}"]
    if one["state"] == "attempted" and one["points"]:
        lines.append(f"{one['points']:.0%} of its checks passed.")
    lines += [_with_code(text) for text in (one["remark"], one["problem"]) if text]
    if one["rows"]:
        table = "\n".join(aligned(one["rows"])).replace("```", "~~~")
        lines.append(f"```text\n{table}\n```")
    if one["state"] != "right" and one["section"]:
        lines.append(f"Read again: notebook {one['notebook']}, “{_plain(one['section'])}”.")
    return lines


def _plain(text: str) -> str:
    """Text that is no Markdown and no HTML, on one line."""
    return re.sub(r"([<>\[\]*_#|\\`])", r"\\\1", " ".join(text.split()))


def _with_code(text: str) -> str:
    """Likewise, but what stands in backticks is code."""
    parts = " ".join(text.split()).split("`")
    return "".join(f"`{part}`" if i % 2 and i < len(parts) - 1 else _plain(part) for i, part in enumerate(parts))
