"""The live trainer: choose, press Train, and watch what the agent believes, does, and gets."""

from __future__ import annotations

import html
import threading
import time

import ipywidgets as widgets

from rlkit_mini.agents import offline
from rlkit_mini.data.sets import list_datasets
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.names import Catalogue
from rlkit_mini.tables import Table, with_interval
from rlkit_workbook.widgets.controls import (
    STYLE,
    AlternativeText,
    NumberField,
    Status,
    button,
    choice,
    in_turn,
    picture,
    rows_of,
)
from rlkit_workbook.widgets.live import LiveTraining, Run, Settings, Source, check_limit, defaults
from rlkit_workbook.widgets.live_figures import LiveFigure, run_in_words

MOST_PINS = 6
RATE = 1e6  # bytes of pictures a second at most: Jupyter's server drops what is more


class LiveTrainer(widgets.VBox):
    """Trains in the background, while the kernel goes on answering.

    Train goes on with a run that was stopped, or begins anew where a setting has changed, also during a training.
    Stop ends after the tenth of a second it is in. Reset forgets the run and the pins.

    Attributes:
        algorithm, dataset: the two choices; fields: name -> `NumberField`; buttons: name -> button.
        training: the present `LiveTraining`, or None; pins: runs kept for comparison.
        picture, status, table, code: what is shown; `status.words` is the last sentence.
        on_end: functions that are called with the run when one has stopped or ended.
    """

    def __init__(self, algorithm: str, dataset: str, seeds: int, updates: int, hyperparameters: dict) -> None:
        known = Catalogue("data set", {dataset_id: Source.of(dataset_id) for dataset_id in list_datasets()})
        self.sources = {source.name: source for source in known.values()}
        self.training: LiveTraining | None = None
        self.pins: list[Run] = []
        self.on_end = []
        self._figure, self._lock, self._drawn, self.turn = None, threading.RLock(), 0.0, threading.RLock()
        offline()[algorithm]  # raises with the closest names
        tip = "what learns from the data"
        self.algorithm = choice("algorithm", list(offline()), tip, algorithm)
        self.dataset = choice("data set", list(self.sources), "the steps to learn from", known[dataset].name)
        self._population = {"seeds": NumberField("seeds", seeds), "updates": NumberField("updates", updates)}
        self._population["updates"].number.tooltip = "updates in all: type a number"
        self._form = rows_of()
        self._make_buttons()
        self._make_displays()
        self.algorithm.observe(lambda _: self._lay_out({}), "value")
        self._lay_out(hyperparameters)
        children = (
            rows_of(self.algorithm, self.dataset),
            self._form,
            rows_of(*self.buttons.values(), self.show_code),
            self.status,
            self.code,
            self.picture,
            self._alternative,
            self.table,
            widgets.HTML(STYLE),
        )
        super().__init__(children, _dom_classes=("rlkit-panel", "rlkit-live"))

    def _make_buttons(self) -> None:
        self.buttons = {
            "Train": button("Train", "train with these settings, or go on", self.train, button_style="primary"),
            "Stop": button("Stop", "stop; Train goes on from there", self.stop, disabled=True),
            "Reset": button("Reset", "forget the run and the pinned runs; default settings", self.reset),
            "Pin": button("Pin", "keep this run's curve, to compare the next with it", self.pin, disabled=True),
        }
        self.show_code = widgets.ToggleButton(
            description="Copy as code", tooltip="the lines that train the same agent", layout={"width": "auto"}
        )
        self.show_code.add_class("rlkit-copy")
        self.show_code.observe(lambda _: self._show_code(), "value")

    def _make_displays(self) -> None:
        self.status = Status("Choose, then press Train.")
        self.picture = picture("live")
        self.picture.layout.display = "none"
        self._alternative = AlternativeText()
        self.table = widgets.HTML(_dom_classes=("rlkit-runs",))
        self.code = widgets.HTML(_dom_classes=("rlkit-code",))

    def __repr__(self) -> str:
        return "live trainer"

    @property
    def fields(self) -> dict[str, NumberField]:
        return self._fields | self._population

    def settings(self) -> Settings:
        """As they are chosen now."""
        chosen = {name: field.value for name, field in self._fields.items()}
        seeds = self._population["seeds"].value
        return Settings(self.algorithm.value, self.sources[self.dataset.value], chosen, seeds)

    def offer(self, name: str, code: str, data: Transitions) -> None:
        """Put a data set on the list, in place of the one of that name."""
        self.sources[name] = Source(name, code, lambda: data)
        kept = self.dataset.value
        self.dataset.options = list(self.sources)
        self.dataset.value = kept

    # The buttons

    @in_turn
    def train(self) -> None:
        """Train with the settings as they are now."""
        try:
            settings, updates, training = self.settings(), self._population["updates"].value, self.training
            check_limit("updates", updates)
            if training and training.settings == settings and training.running and training.updates == updates:
                return
            if training is None or training.settings != settings or training.run is None:
                fresh = LiveTraining(settings, self._show)
                if training is not None:
                    training.stop()
                self.training = fresh
                self._compare()
            if not self.training.running and self.training.done >= updates:
                done = f"All {self.training.done:,} updates are made. Ask for more updates, or change a setting."
                return self.status.say(done)
            self.status.say(f"{settings}: training.")
            self.training.start(updates)
        except Exception as error:  # a bad value: nothing else has happened
            self.status.say(str(error), error=True)
        self._enable()

    def stop(self) -> None:
        """Stop; what was learnt is kept, and `train` goes on."""
        with self._lock:  # else the last word of a training that ends just now would be this one
            if self.training is not None and self.training.running:
                self.status.say("Stopping.")
                self.training.stop()
                self._enable()

    @in_turn
    def pin(self) -> None:
        """Keep the run as it is now."""
        if self.training is None or self.training.run is None:
            return self.status.say("There is no run to pin yet.", error=True)
        self.pins = [*self.pins, self.training.run][-MOST_PINS:]
        self.status.say(f"Pinned as run {len(self.pins)}: {self.training.run.settings}.")
        self._draw(self.training, anew=True)

    @in_turn
    def reset(self) -> None:
        """As it was at first, on the chosen data set."""
        if self.training is not None:
            self.training.stop()
        with self._lock:  # else a training that is being shown would be there again
            self.training, self.pins, self._figure = None, [], None
            self._lay_out({})
            self.picture.layout.display = "none"
            self.table.value = ""
            self.status.say("Choose, then press Train.")
            self._enable()
            self._show_code()

    # What they show

    @in_turn
    def _lay_out(self, values: dict) -> None:
        usual = defaults(self.algorithm.value)
        for name in values.keys() - usual.keys():
            known = ", ".join(usual)
            raise ValueError(f"{self.algorithm.value} has no hyperparameter {name!r} here; expected {known}")
        self._fields = {name: NumberField(name, value) for name, value in (usual | values).items()}
        self._form.children = [*self._fields.values(), *self._population.values()]

    def _show(self, training: LiveTraining) -> None:
        """From the training's thread: something is new."""
        if training.running:
            time.sleep(max(0.0, self._drawn + len(self.picture.value) / RATE - time.monotonic()))
        with self._lock:
            if training is not self.training:
                return
            self._drawn = time.monotonic()
            self._tell(training)
            self._enable()
            self._draw(training)
        if training.ended:
            for listener in self.on_end:
                listener(training.run)

    def _draw(self, training: LiveTraining, anew: bool = False) -> None:
        run, total = training.run, max(training.updates, training.done)
        if run is None:
            return
        with self._lock:  # a thread may be drawing while `pin` does
            if anew or self._figure is None or (self._figure.settings, self._figure.total) != (run.settings, total):
                pins = [pin for pin in self.pins if pin.oracle is run.oracle]
                self._figure, anew = LiveFigure(run, total, pins), True
            self._figure.show(run)
            self.picture.value = self._figure.to_png()
            self.picture.layout.display = None
        if anew or not training.running:
            self._alternative.say(f"Maps and curves of the agent. {run_in_words(run, total)}")
            self._compare()
            self._show_code()

    def _tell(self, training: LiveTraining) -> None:
        if training.error:
            return self.status.say(training.error, error=True)
        if training.run is not None:
            state = "Training." if training.running else "Done." if training.done >= training.updates else "Stopped."
            words = run_in_words(training.run, max(training.updates, training.done))
            self.status.say(f"{state} {words}", aloud=not training.running)

    def _compare(self) -> None:
        runs = {str(number): pin for number, pin in enumerate(self.pins, start=1)}
        if self.training is not None and self.training.run is not None:
            runs["now"] = self.training.run
        rows = [
            {
                "run": name,
                "settings": str(run.settings),
                "data set": run.settings.source.name,
                "updates": f"{run.done:,}",
                "seeds": str(run.returns.shape[1]),
                "return: IQM [95% interval]": with_interval(run.returns[-1]),
                "worst seed": f"{run.returns[-1].min():.1f}",
                "J*": f"{run.oracle.optimal_return:.1f}",
            }
            for name, run in runs.items()
        ]
        self.table.value = Table(rows)._repr_html_() if rows else ""

    def _show_code(self) -> None:
        shown = self.show_code.value and self.training is not None and self.training.run is not None
        words = self.training.settings.code(max(self.training.done, 1)) if shown else "Train first."
        self.code.value = f"<pre>{html.escape(words)}</pre>" if self.show_code.value else ""

    def _enable(self) -> None:
        running = self.training is not None and self.training.running
        self.buttons["Stop"].disabled = not running
        stopping = self.training is not None and not running and not self.training.ended
        self.buttons["Pin"].disabled = self.training is None or self.training.run is None or stopping


def live_trainer(
    algorithm: str = "CQL",
    dataset: str = "pointmass/medium-near-expert-v0",
    seeds: int = 4,
    updates: int = 1000,
    **hyperparameters,
) -> LiveTrainer:
    """The live trainer, as the last expression of a cell.

    Args:
        algorithm: one that learns from data; this and all else can be changed in the panel.
        hyperparameters: of the algorithm, where it does not begin with its defaults: `alpha=1.0`.
    """
    return LiveTrainer(algorithm, dataset, seeds, updates, hyperparameters)
