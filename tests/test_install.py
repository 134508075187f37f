"""What an installation holds: both packages and the course's data, wherever a notebook is then opened."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import hatchling.build
import pytest
from first_cell import first_cell
from helpers import as_others

ROOT = Path(__file__).resolve().parent.parent
PLACES = """
import rlkit_mini, rlkit_workbook
from rlkit_mini.data import dataset_path
from rlkit_mini.files import figures_folder
from rlkit_workbook.results import RESULTS, STANDALONE, read_results
assert read_results("report")
print(rlkit_mini.__file__, rlkit_workbook.__file__, dataset_path("pointmass/medium-lazy-v0"), sep="\\n")
print(RESULTS, STANDALONE, figures_folder().absolute(), sep="\\n")
"""


def python(executable, *arguments, cwd, preexec_fn=None, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MINARI_DATASETS_PATH")}
    command = [executable, *map(str, arguments)]
    told = {"capture_output": True, "text": True, "preexec_fn": preexec_fn}
    return subprocess.run(command, cwd=cwd, env=kept | environment, **told)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A new environment that has the wheel, and finds all that it needs where this one does; nobody may write to it."""
    folder = tmp_path_factory.mktemp("für alle") / "ein Ort"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size <= 6e6
    venv.create(folder / "venv", with_pip=False)
    executable = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", executable, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True)
    (packages,) = (folder / "venv").glob("lib/*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    for path in (packages, *packages.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return executable, packages


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [path.name for path in sorted(ROOT.glob("notebooks/*.ipynb"))])
def test_a_notebook_alone_in_an_empty_folder_says_and_draws_with_the_wheel_what_it_was_committed_with(
    name, installed, tmp_path
):
    """Every text output, as nbval compares them, and every figure, byte by byte; on another kind of processor a last
    digit may differ."""
    executable, packages = installed
    (tmp_path / name).write_bytes((ROOT / "notebooks" / name).read_bytes())
    before = contents(packages)
    nbval = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    options = [*nbval, "--nbval-cell-timeout", "600", name]
    done = python(executable, *options, cwd=tmp_path, preexec_fn=as_others, OMP_NUM_THREADS="1", HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert contents(packages) == before
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("figures/*.png")}
    assert drawn == {path.name: path.read_bytes() for path in ROOT.glob(f"figures/{name[:2]}_*.png")}


@pytest.mark.slow
def test_what_comes_with_the_packages_is_found_in_the_installation(installed, tmp_path):
    executable, packages = installed
    done = python(executable, "-c", PLACES, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *places, figures = map(Path, done.stdout.splitlines())
    assert all(place.is_relative_to(packages) and place.exists() for place in places)
    assert figures == tmp_path / "figures"


def test_an_editable_installation_is_two_folders_on_the_path_and_copies_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    name = hatchling.build.build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as wheel:
        (path,) = [entry for entry in wheel.namelist() if ".dist-info/" not in entry]
        assert wheel.read(path).decode().split() == [str(ROOT), str(ROOT / "notebooks")]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_workbook_that_finds_another_package_says_what_to_do(elsewhere, tmp_path):
    path = [ROOT / "notebooks"]
    if elsewhere:
        (tmp_path / "rlkit_mini").mkdir()
        (tmp_path / "rlkit_mini" / "__init__.py").touch()
        path = [tmp_path, *path]
    code = f"import sys; sys.path[:0] = {list(map(str, path))}; import rlkit_workbook"
    done = python(sys.executable, "-S", "-c", code, cwd=tmp_path)
    where = f"rlkit_mini in {tmp_path}" if elsewhere else "rlkit_mini nowhere"
    assert f"ImportError: the workbook is in {ROOT / 'notebooks'}, {where}; expected both from one place" in done.stderr
    assert "run `pip install -e .`" in done.stderr


def test_a_notebook_says_in_a_sentence_that_the_course_is_missing(tmp_path):
    done = python(sys.executable, "-S", "-c", first_cell({}), cwd=tmp_path)
    last = done.stderr.splitlines()[-1]
    assert last == "ModuleNotFoundError: the course is not installed here: run `pip install .` in a copy of its folder"


@pytest.mark.parametrize("there", [True, False])
def test_a_notebook_installs_the_course_where_it_is_missing_from_the_repository_that_it_names(there, monkeypatch):
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: called.append(command))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if there else None)
    exec(first_cell({"urls": {"Repository": "https://example.org/course"}}), {})
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    assert called == [[*pip, "rlkit_mini[notebooks] @ git+https://example.org/course"]] * (not there)
