"""Texts against claims, on notebooks made for it: what is said where they differ, and what is rewritten."""

import json

import pytest

from rlkit_workbook.claiming.checking import check, check_file, rewritten
from rlkit_workbook.claiming.documents import DOCUMENTS
from rlkit_workbook.claiming.sentences import plain, sentences
from rlkit_workbook.claiming.sources import Source, notebook_sources

CLAIMS = {"tags": ["claims"], "jupyter": {"source_hidden": True}}


def code(source="", html="", claims=None, **metadata):
    outputs = [{"data": {"text/html": [html]}, "metadata": {}, "output_type": "display_data"}] if html else []
    if claims is not None:
        metadata = {"claims": claims} | metadata
        outputs.append({"data": {"text/plain": ["✓"]}, "metadata": metadata, "output_type": "display_data"})
    return {"cell_type": "code", "metadata": CLAIMS if claims is not None else {}, "source": [source]} | {
        "outputs": outputs
    }


def text(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


FIRST = code("1 + 1", html="<b>2</b>")  # results are stated after it


@pytest.fixture
def notebook(tmp_path):
    def write(*cells):
        path = tmp_path / "99_made.ipynb"
        path.write_text(json.dumps({"cells": cells, "nbformat": 4}, indent=1, ensure_ascii=False) + "\n")
        return path

    (tmp_path / "exceptions.toml").write_text("")
    return write


def problems(path, **options):
    return check_file(path, exceptions=path.with_name("exceptions.toml"), **options).problems


def holds(sentence):
    return {"sentence": sentence, "holds": True}


def test_a_text_that_says_what_its_claims_say(notebook):
    path = notebook(
        FIRST, text("Without it, **none of 8** arrives.\n\nSo."), code(claims=[holds("none of 8 arrives.")])
    )
    findings = check_file(path, exceptions=path.with_name("exceptions.toml"))
    assert (findings.held, findings.excepted, findings.problems) == (1, 0, [])


def test_a_claim_that_fails_and_one_that_was_not_computed(notebook):
    failed = {"sentence": "DQN arrives.", "holds": False, "seen": "0 of 8"}
    path = notebook(FIRST, text("DQN arrives."), code(claims=[failed], trouble="NameError: x"), code(claims=[]))
    assert problems(path) == ["cell 2 stopped: NameError: x", "does not hold: “DQN arrives.” Here: 0 of 8"]


def test_cells_of_claims_that_were_not_run(notebook):
    never = code() | {"metadata": CLAIMS}
    assert problems(notebook(FIRST, never)) == ["cell 1 made no claims; run the notebook"]


def test_a_claim_that_stands_nowhere_names_the_nearest_sentence(notebook):
    path = notebook(FIRST, text("So.\n\nDQN never gets there."), code(claims=[holds("DQN gets there.")]))
    nowhere, uncovered = problems(path)
    assert nowhere == "stands nowhere: “DQN gets there.”; nearest is “DQN never gets there.” (cell 1)"
    assert uncovered == "no claim holds (cell 1, text): “DQN never gets there.”"


@pytest.mark.parametrize("words", ["likely that 12 arrive.", "that 12 arriv"])
def test_words_count_as_a_whole(notebook, words):
    path = notebook(FIRST, text("It is unlikely that 12 arrive."), code(claims=[holds(words)]))
    assert problems(path)[0].startswith("stands nowhere")


def test_results_are_asked_for_after_the_first_output_only(notebook):
    assert problems(notebook(text("Half of them arrive."), FIRST, text("Half of 9 arrive."))) == [
        "no claim holds (cell 2, text): “Half of 9 arrive.”"
    ]


def test_a_claim_that_covers_half_of_a_sentence(notebook):
    claims = code(claims=[holds("DQN gets to -150")])
    (problem,) = problems(notebook(FIRST, text("DQN gets to -150, CQL to -21."), claims))
    assert problem == "no claim holds (cell 1, text): “DQN gets to -150, CQL to -21.”"
    assert not problems(notebook(FIRST, text("DQN gets to -150, as expected."), claims))


def test_titles_captions_and_quizzes_are_texts(notebook, tmp_path):
    figure = code(
        'draw("DQN never arrives", f"CQL gets to {1}", "unseen: never"); Table(caption="Half of 8")',
        html='<img alt="DQN never arrives; return: from 1 to 2. CQL gets to 1.">'
        '<table><caption style="text-align:left">Half of 8</caption></table>',
    )
    path = notebook(FIRST, figure)
    assert problems(path) == ["no claim holds (cell 1, title): “DQN never arrives”"]
    (tmp_path / "quiz.toml").write_text(
        '[[99]]\nquestion = "Is 1 of 2 half?"\nanswers = [{ right = "A half", why = "It is 1." },'
        '{ wrong = "3 of 2", why = "That is more." }]'
    )
    found = check(
        notebook_sources(path, tmp_path / "quiz.toml"), [holds("Half of 8"), holds("That is more")], {}
    ).problems
    assert [problem.partition(": ")[2] for problem in found] == ["“DQN never arrives”", "“A half”", "“It is 1.”"]


def test_exceptions_have_reasons_and_grow_stale(notebook, tmp_path):
    path = notebook(FIRST, text("A *seed* is one of 8. Half of 9 arrive."))
    (tmp_path / "exceptions.toml").write_text(
        '["99_made.ipynb"]\ndefinition = ["A seed is one of 8."]\nset-up = ["Half of 7 arrive."]\n'
    )
    assert problems(path) == [
        "no claim holds (cell 1, text): “Half of 9 arrive.”",
        "stale exception (set-up): “Half of 7 arrive”",
    ]


def test_two_claims_in_the_same_words(notebook):
    path = notebook(FIRST, text("It is 3."), code(claims=[holds("It is 3."), holds("It is 4.")]))
    assert "two claims have the same words: “It is 4.” and “It is 3.”; word one differently" in problems(path)


def test_numbers_that_drifted_are_rewritten_and_words_are_not(notebook):
    source = "It gets to 5, and **5 of [8](a5.html)** are at $x^5 = -5$, or −5.\n\nAnother has 5."
    wanted = "It gets to 6, and **5 of [9](a5.html)** are at $x^5 = 7$, or −4.\n\nAnother has 5."
    claim = holds("It gets to 6, and 5 of 9 are at x5 = 7, or -4.")
    path = notebook(FIRST, text(source), code(claims=[claim]), text("Another may have 5, you see."))
    before = path.read_text()
    assert problems(path)[0] == (
        "drifted (cell 1): 5 is 6 now in “It gets to 5, and 5 of 8 are at $x^5 = -5$, or −5.”; FIX=1 rewrites it"
    )
    assert path.read_text() == before, "it was not asked to"
    problems(path, fix=True)
    fixed = json.loads(path.read_text())
    assert "".join(fixed["cells"][1].pop("source")) == wanted
    untouched = json.loads(before)
    del untouched["cells"][1]["source"]
    assert fixed == untouched
    assert not [problem for problem in problems(path) if "drifted" in problem]
    other_words = notebook(FIRST, text("DQN reaches 5."), code(claims=[holds("DQN arrives at 6.")]))
    before = other_words.read_text()
    assert problems(other_words, fix=True)[0].startswith("stands nowhere")
    assert other_words.read_text() == before


def test_a_number_that_reads_otherwise_than_it_is_written_is_left_to_its_author():
    source = Source("here", "It is &#53; and 8.", sentences, None)
    assert [plain(sentence.text) for sentence in source.sentences] == ["It is 5 and 8"]
    assert rewritten(source, 0, 0, "6") is None
    assert rewritten(source, 0, 1, "9") == "It is &#53; and 9."


def test_a_document_is_held_against_the_committed_report(tmp_path, monkeypatch):
    path = tmp_path / "PAGE.md"
    path.write_text("DQN gets to 5.\n\n<!-- report -->\nDQN gets to 9.\n<!-- end of report -->\n\nCQL gets to 6.\n")

    def page(claim, report):
        claim("DQN gets to 7.", "pointmass_medium_dqn" in report)
        claim(report["no such experiment"], True)

    with pytest.raises(ValueError, match=r"expected a notebook .*, or README\.md, RESULTS\.md"):
        check_file(path)
    monkeypatch.setitem(DOCUMENTS, path, page)
    assert check_file(path, fix=True).problems == [
        "its claims stopped: KeyError: 'no such experiment'",
        "no claim holds (PAGE.md, text): “CQL gets to 6.”",
    ]
    assert path.read_text().startswith("DQN gets to 7.\n\n<!-- report -->\nDQN gets to 9."), "generated parts stay"
