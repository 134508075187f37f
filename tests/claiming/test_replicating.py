"""A small notebook run again with other seeds, and what the commands say of it."""

import json
import zlib

import nbformat
import numpy as np
import pytest

from rlkit_workbook.__main__ import main
from rlkit_workbook.claiming.replicating import replicate, replication_table
from rlkit_workbook.results import RESULTS

CELLS = [
    """
from rlkit_mini import plots
from rlkit_mini.streams import Streams
from rlkit_workbook import claims

figure, ax = plots.new_figure()
plots.save_figure(figure, "99_made")
number = Streams([3], "test").draw(1)[0, 0]
""",
    """
with claims() as claim:
    claim(f"It is {number:.4f}.", True)
    claim("It is the committed one.", round(number, 4) == COMMITTED, seen=f"{number:.4f}")
    claim("8 seeds cannot say.", False, this_run=True)
""",
    "1 / 0",
    "with claims() as claim:\n    claim('The rest runs, too.', True)",
]


def drawn(seed):
    return np.random.default_rng([seed, zlib.crc32(b"test")]).random()


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    path = tmp_path_factory.mktemp("notebooks") / "99_made.ipynb"
    code = [source.strip().replace("COMMITTED", f"{drawn(3):.4f}") for source in CELLS]
    cells = [nbformat.v4.new_code_cell(source, id=f"99-{number}") for number, source in enumerate(code)]
    made = [
        {"sentence": f"It is {drawn(3):.4f}.", "holds": True},
        {"sentence": "It is the committed one.", "holds": True},
        {"sentence": "8 seeds cannot say.", "holds": True, "this_run": True},
    ]
    cells[1].outputs = [nbformat.v4.new_output("display_data", {"text/plain": "✓"}, metadata={"claims": made})]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    before = path.read_bytes()
    return replicate([path], [100, 200]), path.read_bytes() == before


def test_every_stream_is_shifted_and_the_notebook_stays(replicated):
    result, unchanged = replicated
    assert unchanged
    assert not (RESULTS / "99_made.png").exists(), "figures of other seeds are not kept"
    first, second, last = result["claims"]
    assert first["words"] == "It is #"
    assert {seed: entry["sentence"] for seed, entry in first["runs"].items()} == {
        str(seed): f"It is {drawn(seed + 3):.4f}." for seed in (0, 100, 200)
    }
    assert {seed: entry["holds"] for seed, entry in second["runs"].items()} == {"0": True, "100": False, "200": False}
    assert list(last["runs"]) == ["100", "200"], "the committed run has no such output"


def test_a_cell_that_stops_is_named_and_the_others_run(replicated):
    assert replicated[0]["stopped"] == [
        {"notebook": "99_made", "first seed": seed, "cell": "99-2", "error": "ZeroDivisionError: division by zero"}
        for seed in (100, 200)
    ]


def test_the_table_counts_and_shows_what_does_not_hold(replicated):
    lines = replication_table(replicated[0]).splitlines()
    assert lines[:3] == [
        "first seed 0: 2 of 3 claims hold; 1 could not be checked",
        "first seed 100: 2 of 3 claims hold",
        "first seed 200: 2 of 3 claims hold",
    ]
    assert lines[4:8] == [
        "99_made",
        "  ✓    0: It is the committed one.",
        f"  ✗  100: It is the committed one. Here: {drawn(103):.4f}",
        f"  ✗  200: It is the committed one. Here: {drawn(203):.4f}",
    ]


def test_commands(tmp_path, monkeypatch, capsys):
    path = tmp_path / "99_made.ipynb"
    text = {"cell_type": "markdown", "metadata": {}, "source": ["It is 3."]}
    made = {"data": {"text/plain": ["✓"]}, "metadata": {"claims": [{"sentence": "It is 4.", "holds": True}]}}
    cell = {"cell_type": "code", "metadata": {}, "source": [], "outputs": [made | {"output_type": "display_data"}]}
    path.write_text(json.dumps({"cells": [text, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "claims", str(path)])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "drifted (cell 0): 3 is 4 now in “It is 3.”" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["rlkit_workbook", "claims", "--fix", str(path)])
    main()
    assert json.loads(path.read_text())["cells"][0]["source"] == ["It is 4."]
    path.write_text("{}")
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "is no notebook" in capsys.readouterr().err
