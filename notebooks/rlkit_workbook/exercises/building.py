"""The larger exercises: a learner writes an agent's whole `update`; what is compared is what its networks become.

The checker hands over networks and minibatches, and plain SGD as every optimiser, since under Adam a summed and an
averaged loss make the same steps. Each network's change after one and after several updates is held against the
reference's, and against that of each known mistake, which is the reference with a line or two changed.
"""

from __future__ import annotations

import functools
import inspect
import runpy
import textwrap
import types
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from rlkit_mini.agents.agent import Agent
from rlkit_mini.data import Batch, Transitions
from rlkit_mini.evaluation.judging import Judgement
from rlkit_mini.mazes import Maze
from rlkit_mini.names import Catalogue
from rlkit_mini.oracle import Oracle
from rlkit_mini.plots import draw_arrows, draw_map, label_axes, map_limits, new_figure
from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.exercises.checking import Answer, Attempt, is_close, is_untouched, own_line, stops_with, worded
from rlkit_workbook.results import STANDALONE, texts_beside

TEXTS = texts_beside(__file__, "builds.toml")
OBSERVATION, ACTIONS, BATCH = 2, 5, 16  # sizes of the cases
SEVERAL = 7  # updates, during which the target is copied
TIMES = (1, SEVERAL)  # when the networks are compared


@dataclass(frozen=True, eq=False)
class Build:
    """An agent of which a learner writes `update`; `builds.toml` holds its texts, and its mistakes.

    Attributes:
        name: of the learner's class, "MyDQN"; the reference is `notebooks/standalone/dqn.py`'s "DQN".
        networks: in the order in which an update changes them.
        settings: of the cases, none of which is the usual one, beside discount and target period.
    """

    name: str
    networks: tuple[str, ...]
    settings: dict[str, float]

    @property
    def texts(self) -> dict:
        """notebook, minutes, difficulty, hints (in steps), and of each mistake its text and the lines it changes."""
        return TEXTS[self.name]

    @property
    def title(self) -> str:
        return f"`{self.name}` ({self.texts['minutes']} minutes, difficulty {self.texts['difficulty']} of 3, optional)"

    @functools.cached_property
    def module(self) -> dict:
        """The names of the reference's file, as it stands in `notebooks/standalone/`."""
        return runpy.run_path(str(STANDALONE / f"{self.name.removeprefix('My').lower()}.py"))

    @property
    def reference(self) -> type:
        return self.module[self.name.removeprefix("My")]

    @property
    def solution(self) -> str:
        """The source of the reference's `update`."""
        return textwrap.dedent(inspect.getsource(self.reference.update))

    def mistaken(self, mistake: str) -> type:
        """The reference with a mistake's lines in place of its own."""
        source = self.solution
        for right, wrong in self.texts["mistakes"][mistake]["changes"]:
            if source.count(right) != 1:
                raise ValueError(f"{self.name}: {right!r} stands {source.count(right)} times in the solution")
            source = source.replace(right, wrong)
        names = dict(self.module)
        exec(compile(source, f"<{mistake}>", "exec"), names)
        return type(mistake, (self.reference,), {"update": names["update"]})

    def agent(self, kind: type, draw: int = 0) -> object:
        """An agent of that class with the networks, optimisers and settings of a draw."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw)
            start = torch.rand(OBSERVATION) if self.name == "MyRND" else OBSERVATION
            given = self.reference(start, ACTIONS, target_period=3)
            for parameter in given.target_critic.requires_grad_(False).parameters():  # as old as it would be
                parameter.add_(0.1 * torch.randn_like(parameter))
        for name, value in vars(given).items():
            if isinstance(value, torch.optim.Optimizer):
                setattr(given, name, torch.optim.SGD(value.param_groups[0]["params"], lr=0.02))
        vars(given).update({"discount": 0.8} | self.settings)
        return _taking_over(kind, given)

    def attempt(self, kind: type, draw: int = 0) -> Attempt:
        """What each network of the learner's agent is after one and after several updates, or the error on the way."""
        if "update" not in vars(kind) or is_untouched(vars(kind)["update"]):
            return Attempt(untouched=True)
        answers: dict[str, Answer] = {}
        try:
            with torch.enable_grad(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                agent = self.agent(kind, draw)
                for number, batch in enumerate(minibatches(draw), start=1):
                    agent.update(batch)
                    if number in TIMES:
                        answers |= {f"{number} {name}": Answer(_flat(getattr(agent, name))) for name in self.networks}
        except (Exception, SystemExit) as error:
            stopped = Answer(error=worded(error), line=own_line(error, kind.update))
            answers = {f"{number} {name}": stopped for number in TIMES for name in self.networks} | answers
        return Attempt(answers=answers)

    @functools.cache  # noqa: B019  larger exercises are as many as the course has, and last as long
    def known(self, mistake: str, draw: int) -> dict[str, Answer]:
        """What a mistake, or the solution (""), makes of the networks: "7 critic" -> the critic after 7 updates."""
        return self.attempt(self.mistaken(mistake) if mistake else self.reference, draw).answers

    def is_right(self, got: Attempt, draw: int = 0) -> bool:
        """Whether an attempt makes of every network what the solution does."""
        return not (got.untouched or _differing(self.known("", draw), got.answers))

    def verdict(self, got: Attempt, draw: int = 0) -> Box:
        """What to tell the learner of an attempt at the networks and minibatches of a draw."""
        stuck = f'Stuck? `hint("{self.name}")` again and again, then `show_solution("{self.name}")`.'
        closing = "Until it is right, the solution goes on in its place. " + stuck
        if got.untouched:
            return Box("open", self.title, ("The solution goes on in its place. " + stuck,))
        right, answers = self.known("", draw), got.answers
        wrong = _differing(right, answers)
        if not wrong:
            text = f"After one update and after {SEVERAL}, each network is what it should be: {_list(self.networks)}."
            return Box("right", f"`{self.name}`", (text, "From here on, the notebook uses your class."), points=1)
        start = self.agent(self.reference, draw)
        begin = {name: _flat(getattr(start, name)) for name in self.networks}
        points, rows = _share(right, begin, wrong), {}
        stopped = next((answer for answer in answers.values() if answer.error), None)
        if stopped:
            mistake, text = "", stops_with("update", stopped.error, stopped.line)
        else:
            mistake = _mistake(self, answers, wrong[0], draw)
            text = self.texts["mistakes"][mistake]["text"] if mistake else _fault(self, wrong)
            rows = _rows(right, answers, begin, wrong[0].split()[0])
        return Box("wrong", f"`{self.name}`", (text,), rows, closing, mistake=mistake, points=points)

    def going_on(self, got: Attempt, kind: type, draw: int = 0) -> type:
        """What a right class is in the cells below: itself."""
        return kind


def _differing(one: dict[str, Answer], other: dict[str, Answer]) -> list[str]:
    """Which networks are not the same, and when: "7 critic"; the earliest first."""
    return [case for case, answer in one.items() if not answer.has_value_of(other[case])]


def _taking_over(kind: type, given: object) -> object:
    """An agent of a learner's class with what the solution's has: networks, optimisers, settings."""
    made = object.__new__(kind) if issubclass(kind, type(given)) else kind()
    vars(made).update(vars(given))
    return made


def _flat(network: nn.Module) -> np.ndarray:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).numpy()


def minibatches(draw: int = 0) -> list[Batch]:
    """Minibatches (batch, ...) of which some transitions terminate, with rewards of both signs."""
    generator = torch.Generator().manual_seed(draw + 1)
    made = []
    for _ in range(SEVERAL):
        observations, next_observations = torch.rand(2, BATCH, OBSERVATION, generator=generator)
        actions = torch.randint(ACTIONS, (BATCH,), generator=generator)
        rewards = 2 * torch.randn(BATCH, generator=generator)
        terminations = (torch.rand(BATCH, generator=generator) < 0.3).float()
        made.append(Batch(observations, actions, rewards, next_observations, terminations))
    return made


def _mistake(build: Build, got: dict[str, Answer], first: str, draw: int) -> str:
    """The mistake that makes the same of every network, else of the first one that is wrong; empty where none does."""
    known = {name: build.known(name, draw) for name in build.texts["mistakes"]}
    for name, theirs in known.items():
        if not _differing(theirs, got):
            return name
    right = build.known("", draw)
    for name, theirs in known.items():
        if _differing(right, theirs)[:1] == [first] and first not in _differing(theirs, got):
            return name
    return ""


def _fault(build: Build, wrong: list[str]) -> str:
    number = wrong[0].split()[0]
    odd = [name for name in build.networks if f"{number} {name}" in wrong]
    sound = [name for name in build.networks if name not in odd]
    found = f"{_list(sound)} {'is' if len(sound) == 1 else 'are'} right, " if sound else ""
    first = f"After {'one update' if number == '1' else f'{number} updates'}, {found}{_list(odd)} "
    return first + f"{'is' if len(odd) == 1 else 'are'} not. Look at what `{odd[0]}` learns from."


def _rows(
    right: dict[str, Answer], got: dict[str, Answer], begin: dict[str, np.ndarray], number: str
) -> dict[str, str]:
    """How far each network has moved, and should have."""
    rows = {}
    for name, start in begin.items():
        should, has = (answers[f"{number} {name}"].value for answers in (right, got))
        if has.shape != should.shape:
            rows[name] = f"has {has.size} parameters, expected {should.size}"
            continue
        moved, expected, away = (np.linalg.norm(by) for by in (has - start, should - start, has - should))
        rows[name] = f"moved by {moved:.4g}, expected {expected:.4g}"
        rows[name] += "" if is_close(should, has) else f", and ends {away:.4g} away"
    return rows


def _share(right: dict[str, Answer], begin: dict[str, np.ndarray], wrong: list[str]) -> float:
    """Of what should have moved after one and after several updates, the share that is where it should be."""
    moved = [case for case, answer in right.items() if not is_close(answer.value, begin[case.split()[1]])]
    return sum(case not in wrong for case in moved) / len(moved)


def _list(names) -> str:
    return " and ".join(filter(None, [", ".join(f"`{name}`" for name in list(names)[:-1]), f"`{list(names)[-1]}`"]))


def _ready(kind: type, start) -> object:
    """An agent whose `update` is the learner's, and all else as in the solution: networks, Adam, settings, `act`."""
    solution = _build_of(kind).reference
    agent = _taking_over(kind, solution(start, ACTIONS))
    if not hasattr(agent, "act"):
        agent.act = types.MethodType(solution.act, agent)
    return agent


def train_build(kind: type, data: Transitions, updates: int = 2000, seed: int = 0) -> object:
    """One agent of a learner's class (or of the solution's), trained on a data set: networks, Adam and `act` are given.

    Args:
        kind: what `@exercise` gave for "MyDQN", "MyCQL", "MyAWAC" or "MyIQL".
    """
    columns = [getattr(data, name).float() if name != "actions" else data.actions for name in Batch._fields]
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        agent = _ready(kind, data.observations.shape[-1])
        for _ in range(updates):
            chosen = torch.from_numpy(rng.integers(len(data), size=64))
            agent.update(Batch(*(column[chosen] for column in columns)))
    return agent


def explore_build(kind: type, maze: Maze, steps: int = 2000, seed: int = 0) -> np.ndarray:
    """The positions (steps, 2) in cells that one agent of a learner's "MyRND" visits in a maze."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        env = gymnasium.make(maze.env_id)
        agent = _ready(kind, env.reset(seed=seed)[0])
        learns, agent.update = agent.update, lambda columns: learns(Batch(*columns))
        places, _ = _build_of(kind).module["explore"](agent, env, steps, seed=seed)
    return maze.positions(places)


def _build_of(kind: type) -> Build:
    return BUILDS["My" + kind.__name__.removeprefix("My")]


def draw_build(kind: type, agent: Agent, data: Transitions, oracle: Oracle, updates: int = 2000) -> Figure:
    """What one agent of a learner's class believes and does after training, beside a member of the workbook's.

    Args:
        agent: the workbook's, of the same algorithm, trained on the same data for as many updates; its member with the
            median return is shown.
    """
    mine, places = train_build(kind, data, updates), torch.as_tensor(oracle.observations)
    with torch.no_grad():
        policy, q_values = np.eye(5)[mine.act(places).numpy()], mine.critic(places).numpy()
    theirs = Judgement.at_centres(agent, oracle)
    yours, median = Judgement(oracle, policy, q_values), theirs[theirs.median]
    shown = {"Yours (one seed)": yours, "The workbook's": median}
    figure, axes = new_figure(1, 2, height=4.2)
    limits = map_limits(oracle, *(judged.believed for judged in shown.values()))
    for ax, (label, judged) in zip(axes, shown.items(), strict=True):
        draw_map(ax, oracle, judged.believed, "believed value (discounted)", limits)
        draw_arrows(ax, oracle, judged.policy)
        starts = f"start believed {judged.believed_start:.1f}, true {judged.true_start:.1f}"
        label_axes(ax, f"{label}: return {judged.returns:.1f} (J* {oracle.optimal_return:.1f}); {starts}")
    return figure


CLONING = {"temperature": 0.05, "max_weight": 1.1}  # some weights are clipped
BUILDS = Catalogue(
    "exercise",
    {
        build.name: build
        for build in (
            Build("MyRND", ("predictor", "critic", "target_critic", "random_network"), {}),
            Build("MyDQN", ("critic", "target_critic"), {}),
            Build("MyCQL", ("critic", "target_critic"), {"alpha": 0.7}),
            Build("MyAWAC", ("critic", "actor", "target_critic"), CLONING),
            Build("MyIQL", ("value", "critic", "actor", "target_critic"), {"expectile": 0.8} | CLONING),
        )
    },
)
