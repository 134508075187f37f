"""Where sentences and claims are read from: notebooks as they were committed, quizzes, documents."""

from __future__ import annotations

import ast
import html
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rlkit_mini.files import whole_file
from rlkit_workbook.claiming.sentences import Sentence, sentences, split

NOTEBOOKS = Path(__file__).resolve().parents[2]
QUIZZES = Path(__file__).resolve().parents[1] / "exercises" / "quizzes.toml"


@dataclass
class Source:
    """What sentences are read from: a notebook's cell, or a file.

    Attributes:
        where: in words.
        read: text -> its sentences.
        cell: of the notebook in `path`; none for a file as a whole.
        early: nothing has come out before it, so it states no result.
    """

    where: str
    text: str
    read: Callable[[str], list[Sentence]]
    path: Path
    cell: int | None = None
    early: bool = False
    sentences: list[Sentence] = field(init=False)

    def __post_init__(self) -> None:
        self.sentences = self.read(self.text)

    def rewrite(self, text: str) -> None:
        """Put another text in its place; nothing else in the file changes."""
        self.text, self.sentences, content = text, self.read(text), text
        if self.cell is not None:
            notebook = json.loads(self.path.read_text(encoding="utf-8"))
            notebook["cells"][self.cell]["source"] = text.splitlines(keepends=True)
            content = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        with whole_file(self.path) as part:
            part.write_text(content, encoding="utf-8")


def notebook_sources(path: Path, quizzes: Path = QUIZZES) -> list[Source]:
    """Markdown cells, titles of figures and captions of tables, and the notebook's quiz."""
    found, early = [], True
    for index, cell in enumerate(_cells(path)):
        text, outputs = "".join(cell["source"]), cell.get("outputs", [])
        early = early and not outputs
        read = sentences if cell["cell_type"] == "markdown" else partial(_titles, shown=_shown(outputs))
        found.append(Source(f"cell {index}", text, read, path, index, early))
    quiz = partial(_quiz, notebook=path.name[:2])
    return [*found, Source(quizzes.name, quizzes.read_text(encoding="utf-8"), quiz, quizzes)]


def notebook_claims(path: Path) -> tuple[list[dict], list[str]]:
    """What a notebook's cells of claims made in its committed run, and what kept them from it."""
    made, trouble = [], []
    for index, cell in enumerate(_cells(path)):
        found = [output.get("metadata", {}) for output in cell.get("outputs", [])]
        found = [metadata for metadata in found if "claims" in metadata]
        made += [entry for metadata in found for entry in metadata["claims"]]
        trouble += [f"cell {index} stopped: {metadata['trouble']}" for metadata in found if "trouble" in metadata]
        if "claims" in cell["metadata"].get("tags", ()) and not found:
            trouble.append(f"cell {index} made no claims; run the notebook")
    return made, trouble


def _cells(path: Path) -> list[dict]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no notebook ({type(error).__name__}: {error})") from None


def _shown(outputs) -> list[str]:
    shown = "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    words = [text for pair in re.findall(r'alt="([^"]*)"|<caption[^>]*>(.*?)</', shown) for text in pair if text]
    return [html.unescape(text).removesuffix(".") for text in words]


def _titles(code: str, shown: list[str]) -> list[Sentence]:
    """The strings of a code cell that its figures and tables show as titles; what is computed is true."""
    constants = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)] if shown else []
    found = []
    for title in (" ".join(text.split()).removesuffix(".") for text in constants if isinstance(text, str)):
        if title in shown:
            found.append(Sentence(title, "caption"))
        elif title and any(re.search(rf"(?:^|\. ){re.escape(title)}(?:[;.]|$)", text) for text in shown):
            found.append(Sentence(title, "title"))
    return found


def _quiz(toml: str, notebook: str) -> list[Sentence]:
    answers = [answer for question in tomllib.loads(toml).get(notebook, ()) for answer in question["answers"]]
    texts = [text for answer in answers for text in (answer.get("right", ""), answer["why"])]
    return [Sentence(part, "quiz") for text in texts for part in split(" ".join(text.split()))]


def document_source(path: Path) -> Source:
    """A Markdown file, without the parts that a command writes into it."""
    written = re.compile(r"<!-- (\w+) -->.*?<!-- end of \1 -->", re.DOTALL)
    return Source(path.name, path.read_text(encoding="utf-8"), lambda text: sentences(written.sub("", text)), path)
