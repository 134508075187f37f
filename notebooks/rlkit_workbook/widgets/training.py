"""The live trainer: choose, press Train, and watch what the agent believes, does, and gets."""

from __future__ import annotations

import html
import threading
from contextlib import suppress
from functools import partial
from urllib.parse import quote

import ipywidgets as widgets

from rlkit_mini.agents import offline
from rlkit_mini.data.sets import list_datasets
from rlkit_mini.data.transitions import Transitions
from rlkit_mini.environments import is_same
from rlkit_mini.names import Catalogue
from rlkit_mini.tables import Table, with_interval
from rlkit_workbook.panels.shown import Panel, in_turn, while_idle
from rlkit_workbook.panels.tiles import Tiles, in_palette
from rlkit_workbook.widgets.controls import NumberField, Status, button, choice, mark, rows_of
from rlkit_workbook.widgets.live import LiveTraining, Run
from rlkit_workbook.widgets.live_figure import LiveFigure, judge_in_words, run_in_words
from rlkit_workbook.widgets.settings import Settings, Source, defaults, read_line

MOST_PINS = 6
BEGIN = "Choose, then press Train."
COPIES = "getSelection().selectAllChildren(this.nextElementSibling); document.execCommand('copy')"
COPY = f"""<button class="jupyter-button" onclick="{COPIES}; this.textContent = 'Copied'">Copy</button>"""


class LiveTrainer(Panel):
    """Trains in the background, while the kernel goes on answering.

    Train goes on with a run that was stopped, or begins anew where a setting has changed; what it trains meanwhile is
    pinned. Stop ends within a tenth of a second, and then the run is judged. Reset brings back how the panel began.

    Args:
        algorithm: one that learns from data; this and all else can be changed in the panel.
        dataset: the id of one that Minari finds, or transitions; beyond the mazes agents take their observations raw,
            discount 0.99, and are judged by real episodes.
        hyperparameters: of the algorithm, where it does not begin with its defaults: `alpha=1.0`.

    Attributes:
        algorithm, dataset: the two choices; fields: name -> `NumberField`; buttons: name -> button.
        training: the present `LiveTraining`, or None; pins: runs kept for comparison.
        picture, status, table, code: what is shown, all of the same moment; `status.words` is the last sentence.
        line: the controls as one line, which brings them back wherever it is typed.
        on_end: functions that are called with the run when one has stopped or ended.
    """

    training: LiveTraining | None = None

    def __init__(
        self,
        algorithm: str = "CQL",
        dataset: str | Transitions = "pointmass/medium-near-expert-v0",
        seeds: int = 4,
        updates: int = 1000,
        **hyperparameters: float,
    ) -> None:
        known = Catalogue("data set", {dataset_id: Source.of(dataset_id) for dataset_id in list_datasets()})
        self.sources = Catalogue("data set", {source.name: source for source in known.values()})
        if isinstance(dataset, Transitions):
            source = self.sources["yours"] = Source("yours", "...  # the transitions that you gave", lambda: dataset)
        else:
            source = known[dataset]
        tip = "what learns from the data"
        offline()[algorithm]  # raises with the closest names
        self.algorithm = choice("algorithm", list(offline()), tip, algorithm)
        self.dataset = choice("data set", list(self.sources), "the steps to learn from", source.name)
        super().__init__("rlkit-panel", "rlkit-live")
        self._lock = threading.RLock()  # of what is shown, also by the thread that trains
        self.pins: list[Run] = []
        self._tiles, self._shown, self._ahead, self._tiles_ahead, self.on_end = None, None, None, None, []
        self._make_controls()
        self._make_displays()
        self._offer_fields()
        self._set(algorithm, source.name, hyperparameters | {"seeds": seeds, "updates": updates})
        self._first = self.line.value
        self.fill(
            rows_of(self.algorithm, self.dataset),
            self._form,
            rows_of(*self.buttons.values(), self.show_code, self.note),
            self.status,
            self.code,
            self.picture,
            self.table,
            rows_of(self.line, self.link),
        )

    def _make_controls(self) -> None:
        self._population = {name: NumberField(name, 1) for name in ("seeds", "updates")}
        self._population["updates"].number.tooltip = "updates in all: type a number"
        self._form = rows_of()
        self.buttons = {
            "Train": button("Train", "train with these settings, or go on", self.train, button_style="primary"),
            "Stop": button("Stop", "stop; Train goes on from there", self.stop, disabled=True),
            "Reset": button("Reset", "forget the run and the pinned runs; settings as at first", self.reset),
            "Pin": button("Pin", "keep this run's curve, to compare the next with it", self.pin, disabled=True),
        }
        self.show_code = widgets.ToggleButton(
            description="Show code", tooltip="the lines that train the same agent", layout={"width": "auto"}
        )
        self.show_code.add_class("rlkit-copy")
        self.show_code.observe(lambda _: self._show_code(), "value")
        self.line = widgets.Text(
            description="settings",
            tooltip="these settings as a line to keep; one that you paste is set",
            continuous_update=False,
            style={"description_width": "9em"},
            layout=widgets.Layout(width="52em", max_width="100%"),
        )
        self.line.add_class("rlkit-line")
        self.line.observe(self._read, "value")
        self.algorithm.observe(lambda _: self._offer_fields(), "value")
        for field in (self.dataset, *(field.number for field in self._population.values())):
            field.observe(self._look_over, "value")

    def _make_displays(self) -> None:
        self.status, self.note = Status(BEGIN), widgets.HTML()
        self.picture = widgets.HTML(_dom_classes=("rlkit-live-picture",))
        self.table = widgets.HTML(_dom_classes=("rlkit-runs",))
        self.code = widgets.HTML(_dom_classes=("rlkit-code",))
        self.link = widgets.HTML(_dom_classes=("rlkit-link",))

    def still(self) -> tuple[str, bytes | None]:
        return self.status.words, in_palette(self._tiles.drawn.to_pixels()) if self._shown else None

    def __repr__(self) -> str:
        return "live trainer"

    def close(self) -> None:
        """End the training as well."""
        if self.training is not None:
            self.training.stop()
        super().close()

    @property
    def fields(self) -> dict[str, NumberField]:
        return self._fields | self._population

    @property
    def updates(self) -> float:
        """As many as are asked for."""
        return self._population["updates"].value

    def settings(self) -> Settings:
        """As they are chosen now."""
        values = {name: field.value for name, field in self.fields.items() if name != "updates"}
        return Settings(self.algorithm.value, self.sources[self.dataset.value], values)

    def offer(self, name: str, code: str, data: Transitions) -> None:
        """Put a data set on the list, in place of the one of that name."""
        self.sources[name] = Source(name, code, lambda: data)
        self._ahead = self._tiles_ahead = None  # of the data that had this name
        kept = self.dataset.value
        self.dataset.options = list(self.sources)
        self.dataset.value = kept
        self._look_over()

    def choose(self, line: str) -> None:
        """Set the controls to what a line says, "CQL,medium-rnd,alpha=0.3,seeds=4"; the others to their defaults.

        Raises:
            ValueError, UnknownNameError: there is something else on the line; nothing has changed then.
        """
        self._set(*read_line(line))

    @in_turn
    def _set(self, algorithm: str, dataset: str, values: dict[str, float]) -> None:
        usual = defaults(algorithm)
        for name in values.keys() - usual.keys() - self._population.keys():
            raise ValueError(f"{algorithm} has no hyperparameter {name!r} here; expected {', '.join(usual)}")
        source = self.sources[dataset]
        self.algorithm.value, self.dataset.value = algorithm, source.name
        for name, value in (usual | values).items():
            self.fields[name].number.value = value

    # The buttons

    @in_turn
    def train(self) -> None:
        """Train with the settings as they are now."""
        settings, updates, training = self.settings(), self.updates, self.training
        if faults := settings.faults(updates):  # nothing else happens
            return self.status.say("\n".join(faults.values()), error=True)
        if training and training.settings == settings and training.running and training.updates == updates:
            return
        if training is None or training.settings != settings or training.run is None:
            self._leave()
            self.training = LiveTraining(settings, self._show)
            if self._ahead is not None and self._ahead.settings == settings and self._tiles_ahead:
                self.training, self._tiles = self._ahead, self._tiles_ahead
            self._ahead = self._tiles_ahead = None
        if not self.training.running and self.training.done >= updates:
            done = f"All {self.training.done:,} updates are made. Ask for more updates, or change a setting."
            return self.status.say(done)
        self.training.start(updates)
        self._tell()
        self._look_over()

    def stop(self) -> None:
        """Stop; what was learnt is kept, and `train` goes on."""
        with self._lock:  # else the last word of a training that ends just now would be this one
            if self.training is not None and self.training.running:
                self.training.stop()
                self._tell()

    @in_turn
    def pin(self) -> None:
        """Keep the run as it is now."""
        if self._shown is None:
            return self.status.say("There is no run to pin yet.", error=True)
        with self._lock:
            self._keep(self._shown)
            self._draw()
            self.status.say(f"Pinned as run {len(self.pins)}: {self._shown.settings}.")

    @in_turn
    def reset(self) -> None:
        """As it was at first."""
        with self._lock:  # else a training that is being shown would be there again
            if self.training is not None:
                self.training.stop()
            self.training, self.pins, self._tiles, self._shown = None, [], None, None
            self.choose(self._first)
            self._look_over()
            self.picture.value = ""
            self._compare()
            self._tell()

    def _leave(self) -> None:
        """Make room for another run: one that is training is pinned."""
        with self._lock:
            if self.training is not None and self.training.running and self._shown and self._shown.done:
                self._keep(self._shown)
            if self.training is not None:
                self.training.stop()
            self.training = self._shown = None
            mark(self.picture, "old", True)
            self._compare()

    def _keep(self, run: Run) -> None:
        self.pins = [*self.pins, run][-MOST_PINS:]

    # What they show

    @in_turn
    def _offer_fields(self) -> None:
        """Those of the algorithm, at its defaults."""
        self._fields = {name: NumberField(name, value) for name, value in defaults(self.algorithm.value).items()}
        for field in self._fields.values():
            field.number.observe(self._look_over, "value")
        self._form.children = [*self._fields.values(), *self._population.values()]
        self._look_over()

    @in_turn
    def _look_over(self, _change=None) -> None:
        """Mark the controls that differ from the run's, and those that are wrong; say them all on one line."""
        settings = self.settings()
        faults, now = settings.faults(self.updates), settings.choices()
        then = self.training.settings.choices() if self.training is not None else now
        changed = [name for name, value in now.items() if value != then.get(name, value)]
        for name, control in {"algorithm": self.algorithm, "data set": self.dataset, **self.fields}.items():
            mark(control, "changed", name in changed)
            mark(control, "wrong", name in faults)
        self.buttons["Train"].description = "Train anew" if changed else "Train"
        names = ", ".join(changed).replace("_", " ")
        self.note.value = f'<div role="status">{f"Changed since this run: {names}." if changed else ""}</div>'
        self.line.value = line = settings.line(self.updates)
        self.link.value = f'<a href="?settings={quote(line, safe=",=")}">Link to these settings</a>'
        if self.status.error and not faults:
            self._tell()
        if not faults:
            while_idle(partial(self._prepare, settings), after=1.0)

    def _read(self, change) -> None:
        """A line was typed, or pasted."""
        if change.new == self.settings().line(self.updates):
            return
        try:
            self.choose(change.new)
        except (ValueError, KeyError) as error:
            self._look_over()
            self.status.say(str(error), error=True)

    def _show(self, training: LiveTraining) -> None:
        """From the training's thread: something is new."""
        with self._lock:
            if training is not self.training:
                return
            if training.run is not self._shown:
                self._draw()
            self._tell()
        if training.ended:
            for listener in self.on_end:
                listener(training.run)

    def _prepare(self, settings: Settings) -> bool:
        """Begin what Train would begin, and draw it, in a thread: then its first picture is there at once."""
        training, ahead, updates = self.training, self._ahead, int(self.updates)
        begun = training is not None and (training.running or training.settings == settings)
        drawn = ahead is not None and (ahead.settings, ahead.updates) == (settings, updates)
        if settings == self.settings() and not (begun or drawn):
            self._ahead, self._tiles_ahead = LiveTraining(settings, self._show), None
            self._ahead.updates = updates
            threading.Thread(target=self._draw_ahead, args=(self._ahead,), daemon=True).start()
        return False

    def _draw_ahead(self, training: LiveTraining) -> None:
        with suppress(Exception):  # which Train meets, too, and says
            training.begin()
            tiles = Tiles(LiveFigure(training.run, training.updates, self._beside(training.run)))
            tiles.to_html()
            if training is self._ahead:
                self._tiles_ahead = tiles

    def _beside(self, run: Run) -> list[Run]:
        """The pinned runs that its picture shows, too."""
        return [pin for pin in self.pins if is_same(pin.data.maze, run.data.maze)]

    def _draw(self) -> None:
        """Bring picture and table to the present moment of the run."""
        self._shown = run = self.training.run
        total, pins = max(self.training.updates, run.done), self._beside(run)
        if self._tiles is None or not self._tiles.drawn.fits(run, total, pins):
            self._tiles = Tiles(LiveFigure(run, total, pins))
        self._tiles.drawn.show(run)
        self.picture.value = self._tiles.to_html()
        mark(self.picture, "old", False)
        self._compare()

    def _tell(self) -> None:
        """Say how far the training is, and allow what can be done now."""
        training, run = self.training, self._shown
        running = training is not None and training.running
        if training is not None and training.error:
            self.status.say(training.error, error=True)
        elif run is not None:
            words = run_in_words(run, max(training.updates, run.done))
            self.status.say(f"{training.state} {words}", aloud=not running)
        else:
            self.status.say(BEGIN if training is None else f"{training.state} {training.settings}.")
        self.buttons["Stop"].disabled = not running
        self.buttons["Pin"].disabled = run is None or not (running or training.ended)
        self._show_code()

    def _compare(self) -> None:
        runs = {str(number): pin for number, pin in enumerate(self.pins, start=1)}
        runs |= {"now": self._shown} if self._shown is not None else {}
        rows = [
            {
                "run": name,
                "settings": str(run.settings),
                "data set": run.settings.source.name,
                "updates": f"{run.done:,}",
                "seeds": str(run.returns.shape[1]),
                "return: IQM [95% interval]": with_interval(run.returns[-1]),
                "worst seed": f"{run.returns[-1].min():.1f}",
                "judge": judge_in_words(run),
            }
            for name, run in runs.items()
        ]
        self.table.value = Table(rows)._repr_html_() if rows else ""

    def _show_code(self) -> None:
        words, training = "Train first.", self.training
        if training is not None and not training.ended:
            words = "Here will be the code of the run when it has stopped."
        elif training is not None and training.done:
            words = training.settings.code(training.done, training.run.data)
        self.code.value = f"{COPY}<pre tabindex='0'>{html.escape(words)}</pre>" if self.show_code.value else ""
