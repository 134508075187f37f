"""What all tests share: the four mazes one by one, and property tests that draw the same examples every time."""

import os

import pytest
import torch
from hypothesis import settings

from rlkit_mini import MAZES, load_dataset

settings.register_profile("workbook", deadline=None, derandomize=True)
settings.load_profile("workbook")


@pytest.fixture(autouse=True, scope="session")
def one_thread_and_one_cache_of_solved_mazes(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the workers' folders lie side by side in the run's
        folder = folder.parent
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RLKIT_MINI_CACHE", str(folder / "solved"))
        yield


@pytest.fixture(scope="module")
def data():
    return load_dataset("pointmass/medium-near-expert-v0")


@pytest.fixture(params=list(MAZES))
def maze(request):
    return MAZES[request.param]
