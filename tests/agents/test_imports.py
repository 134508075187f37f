"""What an import costs: the list of algorithms needs no torch, an algorithm neither data nor widgets."""

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
