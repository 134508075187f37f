"""What an import costs: the list of algorithms needs no torch, an algorithm neither data nor widgets."""

import os
import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "matplotlib")
OTHERS = ("h5py", "minari", "scipy.stats", "ipywidgets")


@pytest.mark.parametrize(
    ("lines", "spared"),
    [
        ("import rlkit_mini", HEAVY + OTHERS),
        ("from rlkit_mini.agents import ALGORITHMS; ALGORITHMS['CQL'].style", HEAVY + OTHERS),
        ("from rlkit_mini.agents import AWAC, BC, CQL, DQN, IQL, RND", OTHERS),
    ],
)
def test_an_import_loads_no_more_than_it_needs(lines, spared):
    code = f"{lines}\nimport sys\nprint(sorted(set({spared!r}) & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_importing_the_package_registers_the_environments():
    code = "import gymnasium, rlkit_mini; print(gymnasium.make('rlkit_mini/PointmassEasy-v0').spec.id)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "rlkit_mini/PointmassEasy-v0\n"


def test_importing_everything_changes_neither_environment_variables_nor_threads():
    code = """
import gymnasium, minari, os, torch
torch.set_num_threads(2)
before = dict(os.environ)  # Gymnasium has set one
import rlkit_mini.data, rlkit_mini.evaluation, rlkit_mini.plots, rlkit_mini.running, rlkit_mini.training
import rlkit_workbook.exercises, rlkit_workbook.studies.report, rlkit_workbook.widgets
print({*os.environ.items()} ^ {*before.items()}, torch.get_num_threads())
"""
    bare = {name: os.environ[name] for name in ("HOME", "PATH", "PYTHONPATH") if name in os.environ}  # not ours
    run = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert run.stdout == "set() 2\n"
