"""Checking a learner's function: against the reference on small cases, then against known misconceptions."""

from __future__ import annotations

import copy
import dis
import functools
import inspect
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rlkit_workbook.exercises.boxes import Box
from rlkit_workbook.exercises.drawing import NATURES, Draw, drawn_cases
from rlkit_workbook.results import texts_beside

TEXTS = texts_beside(__file__, "exercises.toml")


@dataclass(frozen=True, eq=False)
class Exercise:
    """A function that a learner writes; it has the reference's name, under which `exercises.toml` holds its texts.

    Attributes:
        reference: the right function; it goes on in the notebook until the learner's is right.
        cases: what an example shows -> arguments, the smallest first.
        inputs: the arguments of one more case, from a `Draw`.
        misconceptions: name -> a function that makes this mistake.
        differentiable: the parameter that the gradient must reach, where the answer is part of a loss.
    """

    reference: Callable
    cases: dict[str, tuple]
    inputs: Callable[[Draw], tuple]
    misconceptions: dict[str, Callable]
    differentiable: str | None = None

    @property
    def name(self) -> str:
        return self.reference.__name__

    @property
    def texts(self) -> dict:
        """notebook, minutes, difficulty, hint and the text of each misconception."""
        return TEXTS[self.name]

    @property
    def title(self) -> str:
        return f"`{self.name}` ({self.texts['minutes']} minutes, difficulty {self.texts['difficulty']} of 3)"

    @property
    def solution(self) -> str:
        """The source of the reference."""
        return inspect.getsource(self.reference)

    @property
    def parameters(self) -> list[str]:
        return list(inspect.signature(self.reference).parameters)

    @functools.cache  # noqa: B019  exercises are as many as the course has, and last as long
    def drawn(self, draw: int) -> dict[str, tuple]:
        """What a case shows -> arguments: the examples and inputs of every nature (draw 0), or only inputs, others."""
        return ({} if draw else self.cases) | drawn_cases(self.name, self.inputs, draw)

    def answers(self, function: Callable, draw: int) -> dict[str, Answer]:
        """What a function does with each case of a draw."""
        return {case: self._answer(function, arguments) for case, arguments in self.drawn(draw).items()}

    @functools.cache  # noqa: B019  exercises are as many as the course has, and last as long
    def known(self, mistake: str, draw: int) -> dict[str, Answer]:
        """What a misconception, or the reference (""), does with each case of a draw."""
        return self.answers(self.misconceptions[mistake] if mistake else self.reference, draw)

    def _answer(self, function: Callable, arguments: tuple) -> Answer:
        given = copy.deepcopy(arguments)
        try:
            with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.manual_seed(0)  # one that draws random numbers gives the same answer twice
                value = function(*given)
                named = zip(self.parameters, arguments, given, strict=True)
                modified = tuple(name for name, before, after in named if _is_modified(before, after))
                wanted = self.differentiable and isinstance(value, Tensor) and not modified
                gradient = _numbers(self._gradient(function, given)) if wanted else None
                scale = max(float(np.abs(x).max()) for x in map(_numbers, arguments) if x is not None and x.size)
                return Answer(_numbers(value), type(value).__name__, _text(value), gradient, modified, scale=scale)
        except (Exception, SystemExit) as error:
            return Answer(error=worded(error), line=own_line(error, function))

    def _gradient(self, function: Callable, given: list) -> Tensor | None:
        place = self.parameters.index(self.differentiable)
        source = given[place].requires_grad_()
        total = function(*given[:place], source.clone(), *given[place + 1 :]).sum()
        return torch.autograd.grad(total, source, allow_unused=True)[0] if total.requires_grad else None

    def attempt(self, function: Callable, draw: int = 0) -> Attempt:
        """What the learner's function does with the cases of a draw."""
        plain = inspect.unwrap(function)
        if not inspect.isfunction(plain):
            wanted = f"Write a plain function, `def {self.name}(...)`"
            return Attempt(refused=f"{wanted}; this is of type {type(plain).__name__}.")
        if is_untouched(function):
            return Attempt(untouched=True)
        wanted, parameters = self.parameters, list(inspect.signature(function).parameters)
        if parameters != wanted:
            text = f"The parameters should be `({', '.join(wanted)})`, yours are `({', '.join(parameters)})`."
            return Attempt(refused=text)
        return Attempt(answers=self.answers(function, draw))

    def is_right(self, got: Attempt, draw: int = 0) -> bool:
        """Whether an attempt answers every case of a draw as the reference does."""
        if got.refused or got.untouched:
            return False
        expected = self.known("", draw)
        return not any(_fault(self, expected[case], got.answers[case]) for case in expected)

    def verdict(self, got: Attempt, draw: int = 0) -> Box:
        """What to tell the learner of an attempt at the cases of a draw."""
        stuck = f'Stuck? `hint("{self.name}")`, then `show_solution("{self.name}")`.'
        closing = "Until it is right, the reference goes on in its place. " + stuck
        if got.refused:
            return Box("wrong", f"`{self.name}`", (got.refused,), closing=closing)
        if got.untouched:
            return Box("open", self.title, ("The reference goes on in its place. " + stuck,))

        cases, expected, answers = self.drawn(draw), self.known("", draw), got.answers
        faults = {case: _fault(self, expected[case], answers[case]) for case in cases}
        passed = [case for case, fault in faults.items() if not fault]
        if not any(faults.values()):
            shown = [*self.cases, f"{len(cases) - len(self.cases) * (not draw)} inputs drawn at random"]
            shown += [f"the gradient with respect to `{self.differentiable}`"] if self.differentiable else []
            text = f"Checks passed: {' · '.join(shown)}. From here on, the notebook uses your function."
            return Box("right", f"`{self.name}`", (text,), points=1)

        failed, nature = _failing(faults)
        mistake = _misconception(self, draw, answers, failed)
        text = self.texts["misconceptions"].get(mistake) or f"{faults[failed]} {nature}".rstrip()
        shown = [case for case in passed if case in self.cases]
        example = f"Smallest failing example: {failed}." + (f" Passed: {' · '.join(shown)}." if shown else "")
        want, have = expected[failed], answers[failed]
        rows = dict(zip(self.parameters, map(_text, cases[failed]), strict=True)) | _told_apart(want, have)
        if want.gradient is not None and have.has_value_of(want):
            rows |= {"expected gradient": _text(want.gradient), "got gradient": _text(have.gradient)}
        points = len(passed) / len(cases)
        return Box("wrong", f"`{self.name}`", (text, example), rows, closing, mistake=mistake, points=points)

    def going_on(self, got: Attempt, function: Callable, draw: int = 0) -> Callable:
        """What a right function is in the cells below: itself, or its answers as the reference's kind of array."""
        for kind, convert in (("Tensor", torch.as_tensor), ("ndarray", np.asarray)):
            if any(answer.kind == kind != got.answers[case].kind for case, answer in self.known("", draw).items()):
                return _converted(function, convert)
        return function


@dataclass(frozen=True, eq=False)
class Answer:
    """What a function does with the arguments of one case, as data: another process can send it.

    Attributes:
        value: its numbers; None where it gives something else.
        kind: the name of its type.
        text: as Python writes it.
        gradient: of the sum of what it gives, with respect to the exercise's `differentiable`.
        modified: the parameters that it wrote into.
        error: "TypeError: ..." where it stops.
        line: the learner's own line in which it stops, "line 3: `return ...`".
        scale: the largest number among the arguments; what is sent from elsewhere does not say it.
    """

    value: np.ndarray | None = None
    kind: str = "NoneType"
    text: str = "None"
    gradient: np.ndarray | None = None
    modified: tuple[str, ...] = ()
    error: str = ""
    line: str = ""
    scale: float = 1.0

    def has_value_of(self, other: Answer) -> bool:
        """Whether the values are equal, as far as float32 can tell: of large numbers only the first digits count."""
        return is_close(self.value, other.value, 1e-6 * max(self.scale, other.scale, 10))

    def makes_mistake_of(self, other: Answer) -> bool:
        """Whether it does the same; its gradient is left out, which there is none of under `no_grad` or in NumPy."""
        if self.error or other.error:
            return bool(self.error and other.error)
        return self.has_value_of(other) and self.modified == other.modified

    def __str__(self) -> str:
        return self.error or self.text


def _is_modified(before, after) -> bool:
    turned_on = isinstance(after, Tensor) and after.requires_grad
    return turned_on or not np.array_equal(before, after)


def worded(error: BaseException) -> str:
    """Its kind and its message: "TypeError: ..."."""
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def own_line(error: BaseException, function: Callable) -> str:
    """Where in the learner's own code an error happens: "line 3: `return ...`"; empty where it does not."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    lines = [
        frame for frame in traceback.extract_tb(error.__traceback__) if code and frame.filename == code.co_filename
    ]
    return f"line {lines[-1].lineno}: `{lines[-1].line}`" if lines else ""


def stops_with(what: str, error: str, line: str) -> str:
    """That something of the learner's stops with an error, and in which line."""
    return f"Your {what} stops with {error}." + (f" It happens in {line}" if line else "")


def _numbers(value) -> np.ndarray | None:
    """Any array, tensor, list or number as an array; None where it is nothing of the kind."""
    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
        return array.copy() if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, RuntimeError):
        return None


def is_close(one: np.ndarray | None, other: np.ndarray | None, absolute: float = 1e-5) -> bool:
    """Whether two answers are equal as far as float32 can tell; where one has no numbers, whether neither has."""
    if one is None or other is None:
        return one is other
    one, other = one.astype(np.float64), other.astype(np.float64)
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-4, atol=absolute, equal_nan=True)


def _text(value, digits: int = 4) -> str:
    array = _numbers(value)
    if array is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return f"{value:.{digits + 1}g}"
    text = np.array2string(array, precision=digits, suppress_small=True, separator=", ", threshold=60)
    return text.replace("\n\n", "\n")


def _told_apart(want: Answer, have: Answer) -> dict[str, str]:
    """What is expected and what was got, with as many digits as it takes to see that they differ."""
    texts = str(want), str(have)
    for digits in (6, 8, 12):
        if texts[0] == texts[1] and have.value is not None:
            texts = _text(want.value, digits), _text(have.value, digits)
    return dict(zip(("expected", "got"), texts, strict=True))


def _blank(): ...


def is_untouched(function: Callable) -> bool:
    """Whether a function's body is only `...`, `pass` or a docstring."""

    def operations(of: Callable) -> list[tuple]:
        return [(step.opname, step.argval) for step in dis.get_instructions(of) if step.opname != "NOP"]

    return operations(inspect.unwrap(function)) == operations(_blank)


@dataclass(frozen=True)
class Attempt:
    """All that is looked at of a learner's function, or class, as data: another process can send it.

    Attributes:
        refused: why it was not called.
        untouched: its body is still empty.
        answers: case -> what it does.
    """

    refused: str = ""
    untouched: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)


DTYPES = {
    "f": ("floats", "`.astype(float)` in NumPy, `.float()` in torch"),
    "i": ("integers", "`.astype(int)` rounds down"),
    "b": ("bools", "compare"),
}


def _fault(exercise: Exercise, expected: Answer, got: Answer) -> str:
    """The first thing wrong with an answer, in words; empty when it is right."""
    if got.error:
        return stops_with("function", got.error, got.line)
    if got.modified:
        return (
            f"Your function changes its own input `{got.modified[0]}`, or turns on its gradient. The caller needs it "
            "as it was: make a new array instead of writing into this one (`x = x - 1`, not `x -= 1`), and "
            "differentiate a copy (`x.clone().requires_grad_()`)."
        )
    if got.kind in ("NoneType", "ellipsis"):
        return f"Your function returns `{got.text}`. Is a `return` missing, or still to be filled in?"
    value, right = got.value, expected.value
    if value is None:
        return f"Your function returns a {got.kind}, expected is a {expected.kind}."
    if value.shape != right.shape:
        return f"The shape is {value.shape}, expected is {right.shape}. Which axes should be left, which reduced?"
    if not got.has_value_of(expected):
        odd = not np.isfinite(value[np.isfinite(right)]).all()
        odd = ", and not all of them are finite (an overflow, log 0, or 0 / 0?)" if odd else ""
        return f"The shape is right, the numbers are not{odd}. Work this example out by hand, then compare."
    kind, wanted = (DTYPES.get(array.dtype.kind, DTYPES["i"]) for array in (value, right))
    if kind != wanted and got.kind not in ("int", "list"):
        return f"The values are right, but these are {kind[0]}, where {wanted[0]} are asked for: {wanted[1]}."
    if got.gradient is None and expected.gradient is not None:
        return (
            f"The numbers are right, but no gradient reaches `{exercise.differentiable}`: nothing could be learned "
            "from this loss. Stay with torch operations, and detach nothing."
        )
    return "" if is_close(got.gradient, expected.gradient) else "The numbers are right, but their gradient is not."


def _misconception(exercise: Exercise, draw: int, got: dict[str, Answer], failed: str) -> str:
    """The first misconception that does the same: in all cases, in the examples, or where the function runs at all."""
    mistaken = {name: exercise.known(name, draw) for name in exercise.misconceptions}
    examples = exercise.cases if failed in exercise.cases and not draw else got
    running = [case for case in examples if not got[case].error or case == failed]
    for cases in (got, examples, running):
        for name, theirs in mistaken.items():
            if all(got[case].makes_mistake_of(theirs[case]) for case in cases):
                return name
    return ""


def _failing(faults: dict[str, str]) -> tuple[str, str]:
    """The case to show: an example, else a drawn one of a nature that fails each time; and what to say of that."""
    first = next(case for case, fault in faults.items() if fault)
    natures = {case: case.removesuffix(", again") for case in faults}
    for nature, sentence in NATURES.items() if natures[first] in NATURES else ():
        cases = [case for case in faults if natures[case] == nature]
        if cases and all(faults[case] for case in cases):
            return cases[0], sentence and f"Your function is right on the examples, and wrong {sentence}"
    return first, ""


def judge(item, attempt: Callable) -> tuple[Box, Callable]:
    """What to tell the learner of an attempt at an `Exercise` or a `Build`, and what goes on in the notebook.

    In place of every attempt that is not right the reference goes on.
    """
    got = item.attempt(attempt)
    box = item.verdict(got)
    return box, item.going_on(got, attempt) if box.kind == "right" else item.reference


def _converted(function: Callable, convert: Callable) -> Callable:
    return functools.wraps(function)(lambda *args, **kwargs: convert(function(*args, **kwargs)))
