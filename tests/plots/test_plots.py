"""Figures show what is there, where it is, the same everywhere; and saving them never breaks a notebook."""

import base64
import io
import itertools
import subprocess
import sys
import types
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers import tiny_data, tiny_population, tiny_sweep
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Text
from PIL import Image

from rlkit_mini import MAZES, Oracle, train_offline
from rlkit_mini.agents import ALGORITHMS, BC
from rlkit_mini.evaluation.measures import interquartile_mean
from rlkit_mini.plots.curves import draw_curve, draw_phases, draw_references, draw_settings, highlight
from rlkit_mini.plots.maps import draw_arrows, draw_map, draw_maze, draw_paths, draw_visits, map_limits
from rlkit_mini.plots.runs import draw_exploration, draw_training
from rlkit_mini.plots.style import WALL, label_axes, new_figure, save_figure, shades, style_of
from rlkit_mini.plots.words import alternative_text


def pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def at(picture, ax, place) -> np.ndarray:
    """The colour of a place in the axes' units."""
    x, y = ax.transData.transform(place)
    return picture[int(len(picture) - y), int(x)]


def clear_of_marks(maze, places) -> np.ndarray:
    """Which places lie off the letters and the goal's disc."""
    to_start, to_goal = (np.linalg.norm(places - np.array(mark), axis=1) for mark in (maze.start, maze.goal))
    return (to_start > 0.08 * maze.shape[0]) & (to_goal > maze.goal_radius + 0.08 * maze.shape[0])


# One style

STYLES = {label: style_of(label) for label in (*(row.label for row in ALGORITHMS.values()), "oracle")}


def test_every_algorithm_has_its_own_colour_and_its_own_marker():
    for part in ("color", "marker"):
        assert len({style[part] for style in STYLES.values()}) == len(STYLES) == len(ALGORITHMS) + 1


def test_the_same_algorithm_looks_the_same_in_every_figure():
    _, (left, right) = new_figure(1, 2)
    for name, style in STYLES.items():
        line, band = draw_curve(left, [1, 2], np.ones((2, 3)), f"{name}, alpha 1")
        _, _, means = draw_settings(right, [0, 1], np.ones((2, 3)), name.lower())
        for drawn in (line, means):
            assert drawn.get_color() == style["color"]
            assert drawn.get_marker() == style["marker"]
        assert to_rgb(band.get_facecolor()[0]) == to_rgb(style["color"])
    assert style_of("someone else's")["color"] not in {style["color"] for style in STYLES.values()}


def test_shades_run_from_light_to_the_algorithms_own_colour():
    colours = np.array(shades("IQL", 4))
    assert (np.diff(colours.sum(axis=1)) < 0).all()
    np.testing.assert_allclose(colours[-1], to_rgb(STYLES["IQL"]["color"]))


def test_titles_stand_left_and_wrap_within_their_panel():
    figure, axes = new_figure(1, 3)
    for ax in axes:
        label_axes(ax, "A long sentence that says what there is to see in this panel", "updates", "return")
    figure.draw_without_rendering()
    boxes = [ax.get_title(loc="left") and ax._left_title.get_window_extent() for ax in axes]
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[1].x1 < boxes[2].x0
    assert boxes[2].x1 < 900


# The maze, and what is on it


def test_walls_are_drawn_where_they_are(maze):
    figure, ax = new_figure(width=5, height=5)
    draw_maze(ax, maze)
    picture = pixels(figure)
    centres = np.argwhere(np.ones(maze.shape)) + 0.5
    clear = maze.walls.ravel() | clear_of_marks(maze, centres)
    dark = np.array([np.allclose(at(picture, ax, place), to_rgb(WALL), atol=0.01) for place in centres])
    np.testing.assert_array_equal(dark[clear], maze.walls.ravel()[clear])


def test_a_map_shows_each_value_where_it_belongs():
    oracle = Oracle(MAZES["medium"])
    places = oracle.maze.positions(oracle.observations)
    figure, ax = new_figure(width=6, height=5)
    image = draw_map(ax, oracle, places @ [1.0, 10.0], "value", limits=(0, 66))
    picture = pixels(figure)
    clear = clear_of_marks(oracle.maze, places)
    for place in places[clear]:
        np.testing.assert_allclose(at(picture, ax, place), image.to_rgba(place @ [1.0, 10.0])[:3], atol=0.01)
    assert image.get_clim() == (0, 66)


def test_compared_maps_share_one_scale_and_errors_are_centred_at_zero():
    oracle = Oracle(MAZES["medium"])
    maps = np.linspace(-3, 1, 2 * len(oracle.observations)).reshape(2, -1)
    low, high = map_limits(oracle, *maps)
    assert -3 <= low < -2.9
    assert 0.9 < high <= 1
    assert map_limits(oracle, maps, centred=True) == (low, -low)
    _, ax = new_figure()
    image = draw_map(ax, oracle, maps[1], "error", diverging=True)
    assert image.norm(0.0) == pytest.approx(0.5)


def test_arrows_point_where_the_policy_goes_and_stand_still_where_it_stays():
    oracle = Oracle(MAZES["medium"])
    actions = np.where(oracle.observations[:, 0] < 0.5, 2, 0)  # up in the left half, stay in the right
    _, ax = new_figure()
    arrows = draw_arrows(ax, oracle, np.eye(5)[actions])
    left = arrows.get_offsets()[:, 0] < 3
    assert (arrows.V[left] > 0).all()
    assert not arrows.V[~left].any()
    assert not arrows.U.any()
    half_cells = np.unique(np.floor(2 * oracle.maze.positions(oracle.observations)), axis=0)
    assert 0.85 * len(half_cells) < len(arrows.U) < len(half_cells)  # none inside the goal


def test_visits_are_counted_by_half_cell():
    maze = MAZES["medium"]
    positions = np.array([[0.2, 0.2], [0.3, 0.4], [0.7, 1.2], [6.0, 4.9]])
    _, ax = new_figure()
    image = draw_visits(ax, maze, positions, limit=50)
    counts = image.get_array()  # (y, x)
    assert counts.shape == (12, 12)
    assert (counts[0, 0], counts[2, 1], counts[9, 11]) == (2, 1, 1)
    assert np.ma.count(np.ma.masked_invalid(counts)) == 3
    assert image.get_clim() == (1, 50)


def test_a_half_cell_without_visits_is_white_even_within_the_goal():
    maze = MAZES["easy"]
    figure, ax = new_figure()
    draw_visits(ax, maze, np.array([[0.2, 0.2]]))
    figure.canvas.draw()
    x, y = np.rint(ax.transData.transform((8.2, 9.2))).astype(int)
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1]  # from below, as the data
    assert pixels[y, x, :3].tolist() == [255, 255, 255]


def test_paths_begin_at_the_start_and_end_as_the_episode_did():
    data = tiny_data()
    _, ax = new_figure()
    draw_paths(ax, data, [0, len(data.episodes) - 1])
    first, end, last, cut = ax.lines
    np.testing.assert_allclose(first.get_xydata()[0], MAZES["medium"].start)
    assert len(first.get_xydata()) == len(data.episodes[0]) + 1
    assert data.episodes[0].terminations[-1]
    assert not data.episodes[-1].terminations[-1]
    assert (end.get_marker(), cut.get_marker()) == ("o", "X")
    assert len(last.get_xydata()) == len(data.episodes[-1]) + 1


# Numbers over seeds


def test_a_curve_is_the_interquartile_mean_within_its_band():
    values = np.random.default_rng(0).normal(size=(6, 8))
    _, ax = new_figure()
    line, band = draw_curve(ax, range(6), values, "CQL", worst=True)
    np.testing.assert_allclose(line.get_ydata(), interquartile_mean(values))
    edge = band.get_paths()[0].vertices
    for x, y in zip(range(6), line.get_ydata(), strict=True):
        ends = edge[edge[:, 0] == x, 1]
        assert ends.min() < y < ends.max()
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), values[:, values[-1].argmin()])


def test_settings_stand_evenly_with_every_seed_even_at_zero():
    returns = np.arange(12.0).reshape(3, 4)
    figure, ax = new_figure()
    dots, _, means = draw_settings(ax, [0, 0.1, 10], returns, "CQL")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "0.1", "10"]
    np.testing.assert_array_equal(means.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(np.sort(dots.get_ydata()), np.arange(12))
    box = highlight(ax, 1)
    assert box.get_x() < 1 < box.get_x() + box.get_width() < 2
    figure.draw_without_rendering()


def test_labels_of_references_never_overlap():
    figure, axes = new_figure(1, 2)
    for ax in axes:
        ax.set_ylim(-150, -15)
        draw_references(ax, {"behaviour": -24.0, "J*": -20.2, "random": -146.0, "best of data": -20.6})
    figure.draw_without_rendering()
    for ax in axes:
        boxes = sorted((Text.get_window_extent(text) for text in ax.texts), key=lambda box: box.y0)
        assert all(below.y1 <= above.y0 + 1 for below, above in itertools.pairwise(boxes))
        assert {text.get_text() for text in ax.texts} >= {"J* −20.2", "random −146.0"}
        assert sorted(line.get_ydata()[0] for line in ax.lines) == [-146.0, -24.0, -20.6, -20.2]


# References, and whole figures


def test_a_reference_that_is_no_number_is_left_out():
    _, ax = new_figure()
    ax.set_ylim(-10, 0)
    draw_references(ax, {"J*": -2.0, "behaviour": np.nan})
    assert [text.get_text() for text in ax.texts] == ["J* −2.0"]


def test_training_and_exploration_are_drawn_from_their_results():
    agent, history, oracle = tiny_population()
    training = types.SimpleNamespace(agent=agent, history=history, oracle=oracle)
    assert len(draw_training("CQL", training).axes) == 2
    clone = BC(seeds=2)
    learnt = train_offline(clone, tiny_data(), 20, oracle, evaluations=2, progress=False)
    figure = draw_training("BC", types.SimpleNamespace(agent=clone, history=learnt, oracle=oracle))
    (values, _) = figure.axes[1].images  # and the walls
    assert values.get_array().max() <= 0, "what its policy is truly worth: it believes nothing"
    assert figure.axes[1].get_title("left") == "What the median seed does, truly worth"
    summary, coverages = {"curve": {"steps": [250, 500]}}, np.array([[0.2], [0.4]])
    exploration = types.SimpleNamespace(summary=summary, coverages=coverages, data=[tiny_data()])
    coverage, visits = draw_exploration("random", exploration).axes
    assert coverage.lines[0].get_ydata().tolist() == [0.2, 0.4]
    assert visits.images


def test_a_figure_shows_itself_sharply_and_without_pyplot():
    figure, _ = new_figure(height=3)
    attributes = ElementTree.fromstring(figure._repr_html_().replace(">", "/>")).attrib
    kind, png = attributes["src"].split(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(png))).size == (1400, 466)
    assert (attributes["width"], attributes["height"]) == ("900", "300")
    code = "import sys, rlkit_mini.plots, rlkit_workbook.widgets; print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_alternative_text_tells_what_the_figure_shows():
    figure, ((curve, bars), (table, place)) = new_figure(2, 2)
    figure.suptitle("One in <four>")
    returns = np.linspace([-150.0, -150.0], [-20.7, -20.7], 5)
    draw_curve(curve, np.arange(5), returns, "CQL, alpha 1")
    curve.plot([], [], label="not yet")
    curve.axhline(-146.6, label="random")
    draw_references(curve, {"J*": -20.5})
    label_axes(curve, "It\nlearns", "updates", "exact return")
    bars.bar(["up", "down"], [0.25, -3.0], label="DQN")
    bars.hist(np.linspace(0, 1, 40), 20, label="many bins")
    draw_phases(table, [[[-30.0]], [[-42.0]]], ["BC", "IQL"], ["lazy"], (-150, -20), bar=False)
    label_axes(table, "Who wins.")
    oracle = tiny_sweep().judge
    values = np.linspace(-7, 1, len(oracle.observations))
    values[3] = np.nan
    draw_map(place, oracle, values, "believed value")
    assert alternative_text(figure) == (
        "One in <four>. "
        "It learns; exact return against updates; "
        "CQL, alpha 1: from −150 to −20.7; not yet: nothing; random: −147; J* −20.5. "
        "many bins; DQN: 0.25, −3. "
        "Who wins; columns lazy; BC: −30; IQL: −42. "
        "believed value: from −7 to 1."
    )
    assert 'alt="One in &lt;four&gt;. It learns' in figure._repr_html_()


# Saving


def test_a_saved_figure_is_whole_and_the_same_every_time(tmp_path):
    figure, ax = new_figure()
    draw_maze(ax, MAZES["easy"])
    assert save_figure(figure, "01_maze", tmp_path / "new") is figure
    first = (tmp_path / "new" / "01_maze.png").read_bytes()
    again, ax = new_figure()
    draw_maze(ax, MAZES["easy"])
    save_figure(again, "01_maze", tmp_path / "new")
    assert (tmp_path / "new" / "01_maze.png").read_bytes() == first
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["01_maze.png"]
    assert Image.open(io.BytesIO(first)).size[0] == 1400
    assert not Image.open(io.BytesIO(first)).text  # no time, no version


def test_a_folder_that_cannot_be_written_costs_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RLKIT_MINI_FIGURES", str(tmp_path / "file" / "figures"))
    figure, _ = new_figure()
    assert save_figure(figure, "01_maze") is figure
    assert capsys.readouterr().out == "figure 01_maze is shown but not saved (Not a directory)\n"


def test_the_highlight_is_seen_through():
    _, ax = new_figure()
    assert 0 < to_rgba(highlight(ax, 1).get_facecolor())[3] < 1


def test_a_phase_diagram_prints_the_median_and_the_worst_seed_of_each_cell():
    figure, ax = new_figure()
    returns = -np.arange(24.0).reshape(2, 3, 4) * 5
    image = draw_phases(ax, returns, ["BC", "CQL"], [0.0, 0.1, "lazy"], (-150, -20))
    written = [text.get_text() for text in ax.texts]
    assert written[:2] == ["−7.5", "worst −15.0"]
    assert len(written) == 12
    np.testing.assert_array_equal(image.get_array(), np.median(returns, axis=-1))
    assert image.get_clim() == (-150, -20)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "0.1", "lazy"]
    figure.draw_without_rendering()
