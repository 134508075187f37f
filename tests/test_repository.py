"""What the repository promises outside its code: environments that agree, a README that tells the truth."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


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


def test_top_level_holds_what_was_asked_for():
    tracked = {path.name for path in ROOT.iterdir()}
    for name in ("notebooks", "rlkit_mini", "datasets", "figures", "tests", "environment.yml", "README.md", "LICENSE"):
        assert name in tracked


def test_every_figure_has_alternative_text():
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        outputs = [output for cell in json.loads(path.read_text())["cells"] for output in cell.get("outputs", [])]
        shown = [output["data"] for output in outputs if "data" in output]
        assert not [kind for data in shown for kind in data if kind.startswith("image/")], f"{path.name}: has no text"
        images = re.findall("<img [^>]*>", "".join("".join(data.get("text/html", "")) for data in shown))
        words = [re.search('alt="([^"]*)"', image)[1] for image in images]
        assert all(len(text) > 40 for text in words), path.name
        assert len(set(words)) == len(words), f"{path.name}: two figures have the same words"
    assert all(re.findall(r"!\[([^]]*)\]", (ROOT / "README.md").read_text()))


def test_readme_names_make_targets_and_files_that_exist():
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([\w-]+)", readme)) <= targets
    for link in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / link).exists(), link


def test_readme_commands_name_experiments_that_exist():
    from rlkit_mini.experiments import EXPERIMENTS

    readme = (ROOT / "README.md").read_text()
    names = re.findall(r"python -m rlkit_mini (?:explore|train) (\w+)", readme)
    assert names
    assert set(names) <= set(EXPERIMENTS)
