"""The whole figures that sliders move: what they show, and what stays where it is."""

import numpy as np
import pytest
from helpers import tiny_explorers, tiny_square, tiny_sweep

from rlkit_mini.evaluation.measures import interquartile_mean
from rlkit_mini.plots.style import to_png
from rlkit_workbook.panels.exploration import ExplorationFigure
from rlkit_workbook.panels.sweep import SweepFigure


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def test_scales_and_size_stay_while_the_sweep_moves_and_the_data_does_not():
    drawn = SweepFigure(tiny_sweep(), references={"behaviour": -24.0})

    def frame():
        return (
            drawn.above.values.get_clim(),
            drawn.above.wrong.get_clim(),
            [(ax.get_position().bounds, ax.get_xlim(), ax.get_ylim()) for ax in drawn.figure.axes],
            tuple(drawn.figure.get_size_inches()),
        )

    before, shown = frame(), np.array(drawn.above.values.get_array())
    drawn.show({"alpha": 1.0})
    drawn.to_pixels()
    assert frame() == before
    assert not np.array_equal(shown, drawn.above.values.get_array(), equal_nan=True)


@pytest.mark.parametrize("sweep", [tiny_sweep, tiny_square])
def test_the_quick_redraw_is_the_whole_figure(sweep):
    drawn = SweepFigure(sweep())
    for values in zip(*(values[-2:] for values in sweep().grid.values()), strict=True):
        drawn.show(dict(zip(sweep().grid, values, strict=True)))
        quick = drawn.to_pixels().astype(int)
        whole = 255 * pixels(drawn.figure)
        assert quick.shape == (700, 900, 3)
        assert np.abs(quick - whole).mean() < 0.5


def test_a_sweeps_figure_depends_on_the_setting_alone():
    drawn = SweepFigure(tiny_sweep(), {"alpha": 0.0})
    assert to_png(drawn.show({"alpha": 1.0})) == to_png(SweepFigure(tiny_sweep(), {"alpha": 1.0}).figure)
    assert "alpha 1: return" in drawn.message


def test_the_figure_of_explorers_follows_its_setting_and_keeps_its_scales():
    sweep = tiny_explorers()
    first, last = ({name: values[place] for name, values in sweep.grid.items()} for place in (0, -1))
    drawn = ExplorationFigure(sweep, first, {"random": 0.2})

    def frame():
        limits = [(ax.get_position().bounds, ax.get_xlim(), ax.get_ylim()) for ax in drawn.figure.axes]
        return drawn.visits.get_clim(), drawn.new.get_clim(), limits

    before = frame()
    drawn.show(last)
    quick = drawn.to_pixels().astype(int)
    assert frame() == before
    assert np.abs(quick - 255 * pixels(drawn.figure)).mean() < 0.5
    assert np.nansum(drawn.visits.get_array()) == len(sweep.walks[-1].positions)
    np.testing.assert_allclose(drawn.new.get_array(), np.log10(sweep.judge.on_grid(sweep.novelty[-1, -1, -1])).T, 1e-5)
    np.testing.assert_array_equal(drawn.dots.get_ydata(), sweep.coverage[-1, :, -1].ravel())
    assert list(drawn.now.get_xdata()) == [300, 300]
    assert to_png(drawn.figure) == to_png(ExplorationFigure(sweep, last, {"random": 0.2}).figure)
    share = interquartile_mean(sweep.coverage[-1, -1, -1])
    found = np.count_nonzero(sweep.goals[-1, -1, -1])
    words = f"RND, rnd_weight 1, epsilon 0.5, steps 300: {share:.0%} of the maze visited.\n{found} of 2 seeds"
    assert drawn.message.startswith(words)
