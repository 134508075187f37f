"""The scrub slider without a browser: it moves, it keeps its size and its figure, it is described."""

import threading

import pytest
from helpers import size_of, tiny_explorers, tiny_joined, tiny_square, tiny_sweep
from traitlets import TraitError

from rlkit_workbook.sweeps import Gallery, Sweep
from rlkit_workbook.widgets import data_painter, painting, scrub
from rlkit_workbook.widgets.controls import AlternativeText


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
    assert size_of(view.picture.value) == size_of(first) == (900, 700)
    view.children[0].value = 0.0
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
    assert "rlkit-scrub-picture" in view.picture._dom_classes
    assert 'role="status"' in view.caption.value


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
        assert size_of(view.picture.value) == (900, 700)
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


def test_the_picture_has_alternative_text_which_follows_it():
    view = scrub(tiny_sweep())
    for alpha in (0.0, 1.0):
        view.sliders["alpha"].value = alpha
        (words,) = [child.value for child in view.children if isinstance(child, AlternativeText)]
        assert f'alt="Maps and curves. CQL, alpha {alpha:g}: return' in words
    text = AlternativeText()
    text.say('a "quoted"\n<b>')
    assert 'alt="a &quot;quoted&quot; &lt;b&gt;"' in text.value


def test_a_name_of_two_words_makes_one_class():
    view = scrub(Sweep.join({"a": tiny_sweep()}, name="data set"))
    assert "rlkit-scrub-data-set" in view.sliders["data set"]._dom_classes


def test_a_move_draws_on_the_figure_that_is_there():
    view = scrub(tiny_sweep())
    figure, axes = view.figure, view.figure.axes
    view.sliders["alpha"].value = 1.0
    assert view.figure is figure
    assert view.figure.axes == axes


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

    def slow(*arguments):
        if not began.is_set():
            began.set()
            overtaken.wait(2)
        return method(*arguments)

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
