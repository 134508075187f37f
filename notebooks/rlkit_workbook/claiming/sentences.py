"""The sentences of a Markdown text, as its reader sees them, and what makes two of them the same."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark").enable("table")
CODE_OR_MATHEMATICS = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|\$\$.+?\$\$|(?<![\\$\w])\$(?!\s)[^$]+?(?<!\s)\$(?!\d)",
    flags=re.DOTALL,
)
END = re.compile(r"[.!?]+[\"”’)\]]*(?=\s|$)")
NO_END = re.compile(r"(?:(?:^|[\s(])(?:e\.g|i\.e|vs|cf|et al|resp|approx|Fig|Eq|Sec|ca)|^\d+)\.$")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


@dataclass(frozen=True)
class Sentence:
    """text: one line, with code as `code` and mathematics as $...$; section: the heading above it in its cell."""

    text: str
    kind: str = "text"  # or heading, cell and row (of a table), title, caption, quiz
    section: str = ""


def sentences(markdown: str) -> list[Sentence]:
    """All sentences of a Markdown text."""
    hidden: list[str] = []

    def hide(match: re.Match) -> str:  # Markdown would read the _ and * of mathematics as its own
        hidden.append(match[0])
        return match[0] if match["code"] else f"\ue000{len(hidden) - 1}\ue001"

    found, open_blocks, section, row = [], [], "", []
    for token in MARKDOWN.parse(CODE_OR_MATHEMATICS.sub(hide, markdown)):
        if token.nesting == 1:
            open_blocks.append(token.type.removesuffix("_open"))
        elif token.nesting == -1:
            if open_blocks.pop() == "tr":
                found, row = [*found, *_row(row, section)], []
        elif token.type == "inline":
            block = open_blocks[-1]
            text = " ".join(re.sub("\ue000(\\d+)\ue001", lambda match: hidden[int(match[1])], _visible(token)).split())
            section = text if block == "heading" else section
            if block == "td":
                row.append(text)
            else:
                found += [
                    Sentence(part, "text" if block == "paragraph" else "heading", section) for part in split(text)
                ]
    return found


def _row(cells: list[str], section: str) -> Iterator[Sentence]:
    """A table's row: what its cells say, and its figures together with what they are of."""
    figures = [cell for cell in cells if re.search(r"\d", cell) and not _has_letters(cell)]
    for cell in cells:
        if cell not in figures:
            yield from (Sentence(part, "cell", section) for part in split(cell))
    if figures and _has_letters(cells[0]):
        yield Sentence(" | ".join([cells[0], *figures]), "row", section)


def _has_letters(text: str) -> bool:
    return re.search(r"[^\W\d_]", text) is not None


def _visible(inline) -> str:
    breaks = {"softbreak": " ", "hardbreak": " "}
    return "".join(
        f"`{token.content}`" if token.type == "code_inline" else breaks.get(token.type, token.content)
        for token in inline.children
        if token.type in ("text", "code_inline", "image", *breaks)
    )


def split(text: str) -> Iterator[str]:
    """The sentences of a plain text of one line."""
    start = 0
    for match in END.finditer(text):
        part, rest = text[start : match.end()], text[match.end() :].lstrip()
        bare = part.rstrip('"”’)]')
        if rest[:1].islower() or (rest and NO_END.search(bare)) or part.count("`") % 2 or part.count("$") % 2:
            continue
        yield part.strip()
        start = match.end()
    if text[start:].strip():
        yield text[start:].strip()


def plain(text: str) -> str:
    """What two ways to write the same have in common: no emphasis, no marks of code and mathematics, one minus."""
    text = re.sub(r"\$([^$]+)\$", lambda match: _spoken(match[1]), text)
    text = text.translate(str.maketrans("“”’−", '""\'-', "*`"))
    return " ".join(text.split()).rstrip(".")


def _spoken(formula: str) -> str:
    formula = html.unescape(re.sub(r"\\(?:var)?([a-z]+)", r"&\1;", formula))  # HTML's letters have the names of TeX's
    return formula.translate(str.maketrans("", "", "{}^"))


def masked(text: str) -> str:
    """A sentence's words, each number a #."""
    return NUMBER.sub("#", plain(text))


def numbers(text: str) -> list[str]:
    """A sentence's numbers, as they are written."""
    return NUMBER.findall(plain(text))
