"""The scrub slider without a browser: it moves, it keeps its size and its figure, it is described."""

import asyncio
import base64
import html
import io
import itertools
import re
import threading

import ipywidgets
import numpy as np
import pytest
from helpers import size_of, tiny_data, tiny_explorers, tiny_joined, tiny_square, tiny_sweep
from ipywidgets.widgets.widget import _instances
from ipywidgets.widgets.widget_link import DirectionalLink, Link
from PIL import Image
from traitlets import TraitError

from rlkit_mini.agents import BC
from rlkit_mini.evaluation.rollouts import rollout_returns
from rlkit_mini.plots.style import to_png
from rlkit_mini.pointmass import at_goal
from rlkit_workbook.exercises import quiz
from rlkit_workbook.exercises.quizzes import QUIZZES
from rlkit_workbook.panels import shown
from rlkit_workbook.panels.sweep import SweepFigure
from rlkit_workbook.panels.tiles import cuts, tile
from rlkit_workbook.panels.walks import walks
from rlkit_workbook.sweeps import Gallery, Sweep
from rlkit_workbook.widgets import data_painter, gallery_panel, painting, probe, scrub
from rlkit_workbook.widgets.scrubbing import MOST


def panels_of(view) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall('base64,(.*?)"', view.picture.value)]


def size_of_panels(view) -> tuple[int, int]:
    """The size of the picture that the four panels of a sweep make together."""
    upper, _, lower, _ = sizes = [size_of(panel) for panel in panels_of(view)]
    assert {sizes[0][1], sizes[2][1]} == {upper[1], lower[1]}
    assert sum(width for width, _ in sizes[:2]) == sum(width for width, _ in sizes[2:])
    return sizes[0][0] + sizes[1][0], upper[1] + lower[1]


def shown_in_browser(widget):
    """The leaf that a page shows of stacks in stacks: each is linked, in the browser, to a slider."""
    links = [each for each in _instances.values() if isinstance(each, DirectionalLink)]
    while isinstance(widget, ipywidgets.Stack):
        ((slider, index),) = [link.source for link in links if link.target == (widget, "selected_index")]
        widget = widget.children[getattr(slider, index)]
    return widget


def test_the_slider_has_the_trained_values_and_its_ends():
    slider = scrub(tiny_sweep()).sliders["alpha"]
    assert slider.options == (("0", 0.0), ("1", 1.0))
    assert slider.value == 0.0
    assert slider.continuous_update
    slider.value = 1.0
    with pytest.raises(TraitError, match="Invalid selection"):
        slider.value = 0.5


def test_moving_changes_picture_and_words_and_moving_back_restores_them():
    view = scrub(tiny_sweep(), {"behaviour": -24.0})
    first, words = view.picture.value, view.caption.value
    assert "alpha 0:" in words
    view.sliders["alpha"].value = 1.0
    assert view.setting == {"alpha": 1.0}
    assert view.picture.value != first
    assert "alpha 1:" in view.caption.value
    assert size_of_panels(view) == (900, 580)
    view.sliders["alpha"].value = 0.0
    assert (view.picture.value, view.caption.value) == (first, words)


def test_it_begins_where_asked():
    view = scrub(tiny_sweep(), setting={"alpha": 1.0})
    other = scrub(tiny_sweep())
    other.sliders["alpha"].value = 1.0
    assert view.picture.value == other.picture.value


def test_every_control_is_labelled_and_found_by_its_class():
    view = scrub(tiny_square())
    assert list(view.sliders) == ["alpha", "temperature"]
    for name, slider in view.sliders.items():
        assert slider.description == name
        assert "arrow keys" in slider.tooltip
        assert f"rlkit-scrub-{name}" in slider._dom_classes
    assert "rlkit-scrub" in view._dom_classes


def test_two_sliders_reach_every_setting():
    view = scrub(tiny_square())
    pictures = set()
    for alpha in (0.1, 1.0, 10.0):
        for temperature in (0.5, 2.0):
            view.sliders["alpha"].value = alpha
            view.sliders["temperature"].value = temperature
            pictures.add(view.picture.value)
    assert len(pictures) == 6


SWEEPS = {
    "a hyperparameter": tiny_sweep,
    "two hyperparameters": tiny_square,
    "data sets": tiny_joined,
    "explorers": tiny_explorers,
    "the gallery": lambda: Gallery()["medium CQL"],
}


@pytest.mark.parametrize("kind", SWEEPS)
def test_every_slider_reaches_both_of_its_ends_and_comes_back(kind):
    view = scrub(SWEEPS[kind]())
    first = view.picture.value
    for name, slider in view.sliders.items():
        assert slider.index == 0
        slider.index = len(slider.options) - 1
        assert view.setting[name] == slider.options[-1][1]
        assert size_of_panels(view) == (900, 580)
        assert view.picture.value != first, name
        slider.index = 0
        assert view.picture.value == first, name


def test_a_slider_goes_through_names_as_well():
    view = scrub(tiny_joined(), {"random": -146.7}, setting={"data": "broad"})
    slider = view.sliders["data"]
    assert slider.options == (("narrow", "narrow"), ("broad", "broad"))
    assert "arrow keys" in slider.tooltip
    assert "data broad:" in view.caption.value
    first = view.picture.value
    slider.index = 0  # what the left arrow key does
    assert view.setting == {"data": "narrow"}
    assert "data narrow:" in view.caption.value
    assert view.picture.value != first
    assert repr(view) == "scrub slider: DQN, data in [narrow, broad]"
    below = view.figure.axes[2]
    assert [label.get_text() for label in below.get_xticklabels()] == ["narrow", "broad"]
    assert below.get_xlabel() == "data set"


def test_explorers_have_sliders_for_what_was_swept_and_for_time():
    view = scrub(tiny_explorers(), {"random": 0.3}, {"steps": 200})
    assert view.setting == {"rnd_weight": 0.0, "epsilon": 0.1, "steps": 200}
    pictures = {view.picture.value}
    for name, value in (("steps", 300), ("rnd_weight", 1.0), ("epsilon", 0.5)):
        view.sliders[name].value = value
        pictures.add(view.picture.value)
        assert f"{name} {value:g}" in view.caption.value
    assert len(pictures) == 4
    assert repr(view) == "scrub slider: RND, rnd_weight in [0, 1], epsilon in [0.1, 0.5], steps in [100, 200, 300]"


def test_each_panel_has_its_title_as_alternative_text():
    alternatives = re.findall('alt="(.*?)"', scrub(tiny_sweep()).picture.value)
    assert alternatives[:2] == ["What the median seed believes and does", "Where it is wrong: red is overestimated"]
    assert alternatives[2:] == ["How the return depends on alpha", "How it learnt at this setting"]


def test_alternative_text_is_escaped():
    assert 'alt="a &quot;quoted&quot; &lt;b&gt;"' in tile(np.zeros((2, 2, 3), dtype=np.uint8), 'a "quoted"\n<b>')


def test_where_nothing_is_blank_a_figure_is_cut_in_equal_parts():
    pixels = np.zeros((60, 90, 3), dtype=np.uint8)
    assert cuts(pixels, 1, 2) == [[(slice(0, 60), slice(0, 45)), (slice(0, 60), slice(45, 90))]]
    pixels[:, 50:54] = 255
    assert cuts(pixels, 1, 2)[0][0] == (slice(0, 60), slice(0, 52))


@pytest.mark.parametrize("sweep", [tiny_sweep, tiny_square, tiny_joined, tiny_explorers])
def test_a_page_without_a_kernel_shows_at_each_setting_what_the_kernel_would(sweep):
    view, moved = scrub(sweep()), scrub(sweep())
    view.draw_all()
    words, (_, pictures) = view.children[0], view.children[1].children
    for setting in sweep().settings:
        for name, value in setting.items():
            view.sliders[name].value = moved.sliders[name].value = value
        assert shown_in_browser(words).value == moved.caption.value
        assert shown_in_browser(pictures.children[0]).value == moved.picture.value


@pytest.mark.parametrize("sweep", [tiny_square, tiny_explorers])
def test_no_picture_takes_more_than_60_kb(sweep):
    view = scrub(sweep())
    view.draw_all()
    assert max(sum(map(len, panels_of(view))) for _ in sweep().settings) < 60_000


def test_the_panels_are_the_figure_cut_where_it_is_blank():
    view = scrub(tiny_square())
    for alpha, temperature in itertools.product((0.1, 10.0), (0.5, 2.0)):
        view.sliders["alpha"].value, view.sliders["temperature"].value = alpha, temperature
        pictures = [np.asarray(Image.open(io.BytesIO(panel)).convert("RGB")) for panel in panels_of(view)]
        rows = [np.concatenate(pictures[first : first + 2], axis=1) for first in (0, 2)]
        whole = np.concatenate(rows).astype(int)
        assert np.abs(whole - view._figure.to_pixels()).mean() < 3, "256 colours in each panel"
        left, right, below, beside = pictures
        for inner in (
            left[:, -9:],
            right[:, :9],
            below[:, -9:],
            beside[:, :9],
            left[-3:],
            right[-3:],
            below[:3],
            beside[:3],
        ):
            assert inner.min() >= 250, "no letter is cut, or nearly"


def test_the_first_picture_is_there_at_once_and_the_others_while_the_kernel_is_idle():
    async def kernel():
        view = scrub(tiny_square(), setting={"alpha": 1.0, "temperature": 2.0})
        drawn = [sum("<img" in leaf.value for leaf in view._views.flat)]
        while drawn[-1] < 6:
            await asyncio.sleep(0.01)
            drawn.append(sum("<img" in leaf.value for leaf in view._views.flat))
        return drawn

    drawn = asyncio.run(asyncio.wait_for(kernel(), 60))
    assert drawn[0] == 1
    assert np.diff(drawn).max() <= 1, "the kernel is asked for nothing long"


def test_of_more_settings_than_64_one_picture_is_there_and_none_is_drawn_twice(monkeypatch):
    view, drawn = scrub(Gallery()["medium CQL"]), []
    assert len(view.sweep.settings) > MOST
    assert not any(isinstance(each, ipywidgets.Stack) for each in view.children[1].children[1].children)
    show = view._figure.show
    monkeypatch.setattr(view._figure, "show", lambda setting: drawn.append(setting) or show(setting))
    picture, first = view.picture, view.picture.value
    for alpha in (1.0, 0.03, 1.0, 0.03):
        view.sliders["alpha"].value = alpha
    assert (view.picture, view.picture.value) == (picture, first)
    assert len(drawn) == 1


def test_a_slider_that_plays_begins_where_asked():
    view = scrub(tiny_explorers(), setting={"steps": 200})
    (play,) = [
        link.source[0]
        for link in _instances.values()
        if isinstance(link, Link) and link.target[0] is view.sliders["steps"]
    ]
    assert (play.value, play.max) == (1, 2), "the browser takes its value for the slider's, at first"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_walk_is_real_episodes_of_the_policy(share):
    oracle = tiny_sweep().judge
    policy = (1 - share) * oracle.optimal_policy + share / 5
    returns = rollout_returns(lambda observations: policy[oracle.sub_cells(observations)], oracle.maze, 5, seed=0)
    paths = walks(oracle, policy)
    for path, total in zip(paths, returns, strict=True):
        assert tuple(path[0]) == oracle.maze.start
        arrives = at_goal(oracle.maze, path[-1])
        assert len(path) - 1 - arrives == -total, "each step but the one into the goal costs 1"
        assert arrives or len(path) == oracle.maze.horizon + 1
        assert np.abs(np.diff(path, axis=0)).max() < 3
        assert not at_goal(oracle.maze, path[:-1]).any()


def test_a_walk_lies_over_the_map_of_agents_and_begins_at_its_start():
    view = scrub(tiny_sweep())
    (over,) = re.findall("<svg.*?</svg>", view.picture.value)
    assert view.picture.value.index("<svg") < view.picture.value.index("Where it is wrong"), "over the first panel"
    assert over.count("<polyline") == 5
    x, y = view._figure.left.transData.transform(view.sweep.judge.maze.start)
    assert set(re.findall(r'points="(\d+,\d+)', over)) == {f"{x:.0f},{580 - y:.0f}"}
    assert "<svg" not in scrub(tiny_explorers()).picture.value


def test_time_plays():
    for view, played in ((scrub(tiny_explorers()), ["steps"]), (scrub(tiny_square()), [])):
        links = [each for each in _instances.values() if isinstance(each, Link)]
        plays = {name: [link for link in links if link.target[0] is slider] for name, slider in view.sliders.items()}
        assert [name for name, each in plays.items() if each] == played


PANELS = {
    "a slider": lambda: scrub(tiny_sweep(), setting={"alpha": 1.0}),
    "the gallery": lambda: gallery_panel("easy", "BC"),
    "the painter": data_painter,
    "the probe": lambda: probe({"BC": (BC(), tiny_data())}),
}


def outputs_of(panel, monkeypatch) -> list[dict]:
    """What a notebook keeps of a panel, output by output."""
    outputs = []
    monkeypatch.setattr(shown, "display", lambda data, raw: outputs.append(data))
    panel._ipython_display_()
    return outputs


@pytest.mark.parametrize("name", PANELS)
def test_a_reader_without_a_kernel_has_the_words_the_picture_and_what_to_do(name, monkeypatch):
    panel = PANELS[name]()
    words, picture, live = outputs_of(panel, monkeypatch)
    said, _ = panel.still()
    assert words["text/plain"] == f"{said}\nRun this cell to move it."
    assert html.unescape(re.sub("<.*?>", "", words["text/html"])) == words["text/plain"]
    assert picture.keys() == {"image/png", "text/plain"}, "of its own: a test of notebooks compares HTML"
    assert size_of(picture["image/png"])[0] == 900
    assert len(picture["image/png"]) < 60_000
    assert "application/vnd.jupyter.widget-view+json" in live


def test_a_quiz_carries_its_questions_and_not_what_is_right(monkeypatch):
    words, live = outputs_of(quiz("04"), monkeypatch)
    for entry in QUIZZES["04"]:
        for text in (entry["question"], *(answer.get("right") or answer["wrong"] for answer in entry["answers"])):
            assert text in words["text/plain"]
        assert not any(answer["why"] in words["text/plain"] for answer in entry["answers"])
    assert words["text/plain"].endswith("Run this cell to answer.")
    assert live["text/plain"] == "quiz: 3 questions"


def test_a_name_of_two_words_makes_one_class():
    view = scrub(Sweep.join({"a": tiny_sweep()}, name="data set"))
    assert "rlkit-scrub-data-set" in view.sliders["data set"]._dom_classes


def test_the_figure_to_save_is_that_of_the_setting_and_says_so():
    view = scrub(tiny_sweep(), {"behaviour": -24.0})
    view.sliders["alpha"].value = 1.0
    figure = view.figure
    view.sliders["alpha"].value = 0.0
    assert to_png(figure) == to_png(SweepFigure(tiny_sweep(), {"alpha": 1.0}, {"behaviour": -24.0}).figure)
    assert figure.get_suptitle().startswith("CQL, alpha 1: return")


def test_it_prints_nothing_and_shows_itself_in_one_line(capsys):
    view = scrub(tiny_sweep())
    view.sliders["alpha"].value = 1.0
    assert repr(view) == "scrub slider: CQL, alpha in [0, 1]"
    assert capsys.readouterr() == ("", "")


def test_without_a_swept_list_it_says_what_to_do():
    whole = tiny_sweep()
    fields = {name: getattr(whole, name) for name in whole.__dataclass_fields__} | {"grid": {}}
    with pytest.raises(ValueError, match="nothing was swept; give the agent a list"):
        scrub(Sweep(**fields))


def from_two_threads(monkeypatch, owner, name, first, second):
    """Call `second` while `first` is within the owner's method of this name, which then waits for it to overtake."""
    began, overtaken, method = threading.Event(), threading.Event(), getattr(owner, name)

    def slow(*arguments, **options):
        if not began.is_set():
            began.set()
            overtaken.wait(2)
        return method(*arguments, **options)

    monkeypatch.setattr(owner, name, slow)
    one = threading.Thread(target=first)
    other = threading.Thread(target=lambda: (second(), overtaken.set()))
    one.start()
    assert began.wait(30)
    other.start()
    for thread in (one, other):
        thread.join(30)
    monkeypatch.undo()


def test_callbacks_from_several_threads_take_turns(monkeypatch):
    """JupyterLab has a kernel run some of what widgets call in its main thread and some in another."""
    view, alone = scrub(tiny_square()), scrub(tiny_square(), setting={"alpha": 10.0, "temperature": 2.0})
    moves = [lambda: view.sliders["alpha"].set_trait("value", 10.0)]
    moves += [lambda: view.sliders["temperature"].set_trait("value", 2.0)]
    from_two_threads(monkeypatch, view._figure, "show", *moves)
    assert view.picture.value == alone.picture.value

    painter, places = data_painter(), [(5.5, 2.5), (4.5, 0.5)]
    from_two_threads(monkeypatch, painting, "paint", *(lambda at=at: painter.place(at) for at in places))
    assert painter.waypoints == places
    both = data_painter()
    for place in places:
        both.place(place)
    assert painter.status.words == both.status.words
    assert painter.map.picture.value == both.map.picture.value
