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

ROOT = Path(__file__).resolve().parent.parent
RUN = """
import nbclient, nbformat, sys
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300).execute()
nbformat.write(notebook, sys.argv[1])
"""
PLACES = """
import rlkit_mini, rlkit_workbook
from rlkit_mini.data import dataset_path
from rlkit_mini.files import figures_folder
from rlkit_workbook.results import RESULTS, STANDALONE, read_results
assert read_results("report")
print(rlkit_mini.__file__, rlkit_workbook.__file__, dataset_path("pointmass/medium-lazy-v0"))
print(RESULTS, STANDALONE, figures_folder().absolute())
"""


def python(executable, *arguments, cwd, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MINARI_DATASETS_PATH")}
    command = [executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=kept | environment, capture_output=True, text=True)


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A new environment that has the wheel, and finds all that it needs where this one does."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    executable = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", executable, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True)
    (packages,) = (folder / "venv").glob("lib/*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))
    return executable, packages


@pytest.mark.slow
def test_a_notebook_alone_in_an_empty_folder_runs_with_the_wheel(installed, tmp_path):
    executable, packages = installed
    notebook = tmp_path / "00_start_here.ipynb"
    notebook.write_bytes((ROOT / "notebooks" / notebook.name).read_bytes())
    before = contents(packages)
    done = python(executable, "-c", RUN, notebook, cwd=tmp_path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert notebook.read_text().count('"output_type"') > 3
    assert contents(packages) == before  # nothing is written into an installation
    saved = {path.name for path in ROOT.glob("figures/00_*.png")}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == saved


@pytest.mark.slow
def test_what_comes_with_the_packages_is_found_in_the_installation(installed, tmp_path):
    executable, packages = installed
    done = python(executable, "-c", PLACES, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *places, figures = map(Path, done.stdout.split())
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
