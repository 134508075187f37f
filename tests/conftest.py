"""What all tests share: the four mazes one by one, and property tests that draw the same examples every time."""

import pytest
from hypothesis import settings

from rlkit_mini.mazes import MAZES

settings.register_profile("workbook", deadline=None, derandomize=True)
settings.load_profile("workbook")


@pytest.fixture(params=list(MAZES))
def maze(request):
    return MAZES[request.param]
