"""What the repository promises outside its code: environments that agree, and pages that tell the truth."""

import importlib
import itertools
import json
import ntpath
import re
import subprocess
import tomllib
from pathlib import Path, PureWindowsPath

import nbformat
import numpy as np
import pytest
import torch
import yaml
from first_cell import first_cell
from nbconvert import ScriptExporter
from packaging.requirements import Requirement

from rlkit_mini import load_dataset
from rlkit_mini.data.transitions import episode_returns
from rlkit_mini.experiments import EXPERIMENTS
from rlkit_workbook.exercises import EXERCISES
from rlkit_workbook.exercises.checking import judge

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
HOUSES = {"rlkit_mini": ROOT / "rlkit_mini", "rlkit_workbook": ROOT / "notebooks" / "rlkit_workbook"}
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
PAGES = {
    name: (ROOT / name).read_text()
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "datasets/README.md",
        "figures/BENCH.md",
        "figures/RESULTS.md",
        "notebooks/INSTRUCTORS.md",
        "rlkit_mini/README.md",
    )
}
README = PAGES["README.md"]


def words_of(notebook):
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


TEXTS = PAGES | {f"notebooks/{path.name}": words_of(json.loads(path.read_text())) for path in NOTEBOOKS}


def requirements(*extras):
    wanted = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    return {r.name: str(r.specifier) for r in map(Requirement, wanted)}


def test_conda_environment_asks_for_what_the_package_asks_for():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(entry.split(" ") for entry in entries if isinstance(entry, str) and " " in entry)
    expected = {CONDA_NAMES.get(name, name): bounds for name, bounds in requirements("notebooks").items()}
    assert conda == expected | {"python": PROJECT["requires-python"]}
    assert {"pip": ["-e ."]} in entries, "the package itself is installed from here"


def test_every_requirement_is_pinned_within_its_range_for_ci():
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = {name.lower(): version for name, version in (line.split("==") for line in lines)}
    for line in [*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())]:
        requirement = Requirement(line)
        assert pins[requirement.name.lower()] in requirement.specifier, line


def test_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_top_level_holds_what_was_asked_for():
    there = {path.name for path in ROOT.iterdir()}
    for name in ("notebooks", "rlkit_mini", "datasets", "figures", "tests", "environment.yml", "README.md", "LICENSE"):
        assert name in there


def test_every_figure_has_alternative_text():
    for path in NOTEBOOKS:
        outputs = [output for cell in json.loads(path.read_text())["cells"] for output in cell.get("outputs", [])]
        shown = [output["data"] for output in outputs if "data" in output]
        for before, data in itertools.pairwise([{}, *shown]):  # a panel's still comes after its words
            if any(kind.startswith("image/") for kind in data):
                assert len("".join(before.get("text/plain", ""))) > 40, f"{path.name}: has no text"
        images = re.findall("<img [^>]*>", "".join("".join(data.get("text/html", "")) for data in shown))
        words = [re.search('alt="([^"]*)"', image)[1] for image in images]
        assert all(len(text) > 40 for text in words), path.name
        assert len(set(words)) == len(words), f"{path.name}: two figures have the same words"
    assert all(all(re.findall(r"!\[([^]]*)\]", page)) for page in PAGES.values())


@pytest.mark.filterwarnings("ignore:invalid escape")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_one_for_every_program_that_opens_it(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["language_info"]["file_extension"] == ".py"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert "".join(first["source"]) == first_cell(PROJECT), "`.venv/bin/python tests/first_cell.py` writes it"
    assert not first["outputs"]
    script, facts = ScriptExporter().from_notebook_node(nbformat.read(path, as_version=4))
    assert facts["output_extension"] == ".py"
    compile(script, path.name, "exec")


def test_files_have_names_that_every_system_takes():
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    listed = subprocess.run(["git", "ls-files", "-s", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    modes, names = zip(*(line.split("\t") for line in listed.stdout.strip("\0").split("\0")), strict=True)
    assert {mode.split()[0] for mode in modes} <= {"100644", "100755"}  # no link
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert not ntpath.isabs(name)
        assert not PureWindowsPath(name).is_reserved()
        assert not re.search(r'[<>:"|?*\\]|[. ](/|$)', name), name
        assert name.isascii()
        assert len(name) < 150


# The pages


def without_code(page):
    return re.sub("```.*?```", "", page, flags=re.DOTALL)


def code_of(page):
    """Lines of code blocks, and code within sentences, without comments."""
    blocks = re.findall(r"```\w*\n(.*?)```", page, flags=re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", without_code(page))
    return [line.partition("  #")[0].strip() for text in blocks + spans for line in text.splitlines()]


def anchors(page):
    """Of a page's headings."""
    headings = re.findall("^#+ (.*)$", without_code(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    for file, anchor in re.findall(r"\]\(([^)#:]*)#?([\w-]*)\)", TEXTS[name]):
        target = ROOT / name if not file else (ROOT / name).parent / file
        assert target.exists(), file
        assert not anchor or anchor in anchors(target.read_text()), (file, anchor)


@pytest.mark.parametrize("name", TEXTS)
def test_commands_can_be_called(name, monkeypatch, capsys):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for line in code_of(TEXTS[name]):
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        for module, words in re.findall(r"python -m (rlkit_[\w.]+) ?(.*)", line):
            run = importlib.import_module(module if "." in module else f"{module}.__main__")
            if words and words != "...":
                assert_understood(run.main, words.split(), monkeypatch, capsys)


def assert_understood(main, words, monkeypatch, capsys):
    """That the subcommand has these options, and that these experiments exist."""
    monkeypatch.setattr("sys.argv", ["python", words[0], "--help"])
    with pytest.raises(SystemExit) as outcome:
        main()
    assert not outcome.value.code, words
    told = capsys.readouterr().out
    for word in words[1:]:
        assert not word.startswith("--") or re.search(rf"{word}\b", told), (words, word)
        assert not word.startswith("pointmass_") or word in EXPERIMENTS, (words, word)


@pytest.mark.parametrize("target", ["test", "app"])
def test_what_make_does_can_be_done_without_it(target):
    lines = subprocess.run(["make", "-n", target, "-o", "setup"], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = re.findall(r"\.venv/bin/(.*?) *$", lines.stdout.replace("  ", " "), flags=re.MULTILINE)
    assert commands
    assert set(commands) <= set(code_of(PAGES["CONTRIBUTING.md"]))


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_checkers_remark_is_what_the_checker_says():
    code, remark = re.search(r"```python\n(@exercise.*?)```\n\n```\n(.*?)```", README, flags=re.DOTALL).groups()
    learner = {"exercise": lambda function: function, "torch": torch}
    exec(code, learner)
    box, _ = judge(EXERCISES["cql_penalty"], learner["cql_penalty"])
    assert repr(box).startswith(remark)


def test_the_table_of_notebooks_says_what_the_notebooks_say():
    rows = re.findall(r"^\| \[.*?\]\((notebooks/.*?)\) \| .* \| (\d*) ?\| (\d*) ?\|$", README, flags=re.MULTILINE)
    assert [ROOT / path for path, *_ in rows] == NOTEBOOKS
    for path, minutes, exercises in rows:
        head = "".join(json.loads((ROOT / path).read_text())["cells"][0]["source"])
        assert re.findall(r"\*\*Time:?\*\*:? (\d+) minutes", head) == [minutes] * bool(minutes), path
        number = re.search(r"\d\d", path)[0]
        assert sum(item.texts["notebook"] == number for item in EXERCISES.values()) == int(exercises or 0), path


@pytest.mark.parametrize("name", ["README.md", "rlkit_mini/README.md"])
def test_python_on_the_pages_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n((?!@exercise).*?)```", PAGES[name], flags=re.DOTALL)
    code = re.sub(r"(updates|steps)=\d\d+", r"\1=40", "".join(blocks))  # enough to run
    exec(code, {})


def test_the_card_counts_what_the_data_sets_hold():
    pattern = r"^\| `(.*?)` \| .*? \| ([\d,]+) \| (\d+) \| (\d+) \| (.*?) \|$"
    rows = re.findall(pattern, PAGES["datasets/README.md"], flags=re.MULTILINE)
    assert {row[0] for row in rows} == {f"pointmass/{path.name}" for path in ROOT.glob("datasets/pointmass/*-v0")}
    for name, *told in rows:
        data = load_dataset(name)
        ends = data.terminations.numpy(), data.truncations.numpy()
        counts = f"{len(data):,}", f"{np.logical_or(*ends).sum()}", f"{ends[0].sum()}"
        assert told == [*counts, f"{episode_returns(data.rewards.numpy(), *ends).mean():.1f}"]


def test_every_figure_is_used():
    """On a page, or saved by a notebook."""
    words = "".join([*PAGES.values(), *(path.read_text() for path in NOTEBOOKS)])
    for path in ROOT.glob("figures/*.png"):
        assert path.name in words or f'"{path.stem}"' in words or f'\\"{path.stem}\\"' in words, path.name
