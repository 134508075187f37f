"""Texts against claims: what states a result is held by a claim, and reads as its claim does."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rlkit_workbook.claiming.documents import DOCUMENTS, document_claims
from rlkit_workbook.claiming.outcomes import leaves_a_result, states_a_result
from rlkit_workbook.claiming.sentences import Sentence, masked, numbers, plain
from rlkit_workbook.claiming.sources import NOTEBOOKS, Source, document_source, notebook_claims, notebook_sources

Span = tuple[int, int]  # of a claim's words in a sentence's


@dataclass
class Findings:
    """What a check saw: how many claims hold, how many sentences are excepted, and what is wrong, in words."""

    held: int = 0
    excepted: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        count = f"{self.held} claims hold, {self.excepted} sentences are excepted"
        return "\n".join([count, *(f"  ✗ {problem}" for problem in self.problems)])


def files_with_claims() -> list[Path]:
    """All notebooks, and the documents that make claims."""
    return [*sorted(NOTEBOOKS.glob("*.ipynb")), *DOCUMENTS]


def check_file(path: Path, fix: bool = False, exceptions: Path | None = None) -> Findings:
    """Check a notebook, or one of the `DOCUMENTS`.

    Args:
        fix: rewrite numbers that differ; words never.
        exceptions: default `exceptions.toml` beside the notebooks; a table for each file, reason -> sentences.
    """
    if path.suffix == ".ipynb":
        sources, (made, trouble) = notebook_sources(path), notebook_claims(path)
    else:
        sources, (made, trouble) = [document_source(path)], document_claims(path)
    tables = tomllib.loads((exceptions or NOTEBOOKS / "exceptions.toml").read_text(encoding="utf-8"))
    excepted = {plain(text): reason for reason, listed in tables.get(path.name, {}).items() for text in listed}
    findings = check(sources, made, excepted, fix)
    findings.problems[:0] = trouble
    return findings


def check(sources: list[Source], made: list[dict], excepted: dict[str, str], fix: bool = False) -> Findings:
    """Hold all sentences of the sources against the claims made; `excepted`: plain sentence -> why it needs none."""
    findings = Findings(sum(entry["holds"] for entry in made), problems=list(_broken(made)))
    covered: dict[tuple[int, int], list[Span]] = {}  # (source, sentence) -> what claims say of it
    for entry in made:
        places = list(_places(entry["sentence"], sources))
        if not places:
            findings.problems.append(_nowhere(entry["sentence"], sources))
        for where, index, span in places:
            covered.setdefault((where, index), []).append(span)
            findings.problems += _drift(sources[where], index, span, entry["sentence"], fix)
    used = set()
    for where, source in enumerate(sources):
        for index, sentence in enumerate(source.sentences):
            if source.early or not _lacks_a_claim(sentence, covered.get((where, index), [])):
                continue
            if plain(sentence.text) in excepted:
                used.add(plain(sentence.text))
                findings.excepted += 1
            else:
                findings.problems.append(f"no claim holds ({source.where}, {sentence.kind}): “{sentence.text}”")
    findings.problems += [
        f"stale exception ({why}): “{sentence}”" for sentence, why in excepted.items() if sentence not in used
    ]
    return findings


def _broken(made: list[dict]) -> Iterator[str]:
    words: dict[str, str] = {}
    for entry in made:
        sentence = entry["sentence"]
        if not entry["holds"]:
            yield f"does not hold: “{sentence}”" + (f" Here: {entry['seen']}" if "seen" in entry else "")
        other = words.setdefault(masked(sentence), sentence)
        if plain(other) != plain(sentence):
            yield f"two claims have the same words: “{sentence}” and “{other}”; word one differently"


def _places(claim: str, sources: list[Source]) -> Iterator[tuple[int, int, Span]]:
    pattern = re.compile(rf"(?<!\w){re.escape(masked(claim))}(?!\w)")
    for where, source in enumerate(sources):
        for index, sentence in enumerate(source.sentences):
            if match := pattern.search(masked(sentence.text)):
                yield where, index, match.span()


def _nowhere(claim: str, sources: list[Source]) -> str:
    texts = {masked(s.text): f"“{s.text}” ({source.where})" for source in sources for s in source.sentences}
    nearest = difflib.get_close_matches(masked(claim), texts, 1, 0)
    return f"stands nowhere: “{claim}”" + "".join(f"; nearest is {texts[words]}" for words in nearest)


def _lacks_a_claim(sentence: Sentence, spans: list[Span]) -> bool:
    if not spans:
        return states_a_result(sentence)
    rest = masked(sentence.text)
    for start, end in sorted(spans, reverse=True):
        rest = f"{rest[:start]} … {rest[end:]}"
    return leaves_a_result(rest.replace("#", "7"))


def _drift(source: Source, index: int, span: Span, claim: str, fix: bool) -> Iterator[str]:
    sentence, wanted = source.sentences[index].text, numbers(claim)
    first = masked(sentence)[: span[0]].count("#")
    there = numbers(sentence)[first : first + len(wanted)]
    for position, (old, new) in enumerate(zip(there, wanted, strict=True), first):
        text = rewritten(source, index, position, new) if fix and old != new else None
        if text is not None:
            source.rewrite(text)
        elif old != new:
            how = "rewrite it by hand" if fix else "FIX=1 rewrites it"
            yield f"drifted ({source.where}): {old} is {new} now in “{sentence}”; {how}"


def rewritten(source: Source, index: int, position: int, new: str) -> str | None:
    """The source's text with another number at one position of one sentence; none where that changes more than it.

    Links and mathematics may stand between a number and what is read, so each place where its digits stand is tried,
    and all sentences are read again.
    """

    def reading(found: list[Sentence]) -> list[tuple[str, list[str]]]:
        return [(masked(sentence.text), numbers(sentence.text)) for sentence in found]

    wanted = reading(source.sentences)
    old, wanted[index][1][position] = wanted[index][1][position], new
    for match in re.finditer(re.escape(old).replace(r"\-", "[-−]"), source.text):
        sign = match[0][0] if old[0] == new[0] == "-" else new[0]  # the minus that the text writes
        text = source.text[: match.start()] + sign + new[1:] + source.text[match.end() :]
        if reading(source.read(text)) == wanted:
            return text
    return None
