"""Checking a learner's function: against the reference on small cases, then against known misconceptions."""

from __future__ import annotations

import copy
import dis
import functools
import inspect
import tomllib
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor

from rlkit_workbook.exercises.boxes import Box

TEXTS = tomllib.loads(files(__package__).joinpath("exercises.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Exercise:
    """A function that a learner writes; it has the reference's name, under which `exercises.toml` holds its texts.

    Attributes:
        reference: the right function; it goes on in the notebook until the learner's is right.
        cases: what a case shows -> arguments, the smallest case first.
        misconceptions: name -> a function that makes this mistake.
        differentiable: the parameter that the gradient must reach, where the answer is part of a loss.
    """

    reference: Callable
    cases: dict[str, tuple]
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
    def parameters(self) -> list[str]:
        return list(inspect.signature(self.reference).parameters)

    def answers(self, function: Callable) -> dict[str, Answer]:
        """What a function does with each case."""
        return {case: self._answer(function, arguments) for case, arguments in self.cases.items()}

    def _answer(self, function: Callable, arguments: tuple) -> Answer:
        given, gradient = copy.deepcopy(arguments), None
        try:
            with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.manual_seed(0)  # one that draws random numbers gives the same answer twice
                value = function(*given)
                named = zip(self.parameters, arguments, given, strict=True)
                modified = tuple(name for name, before, after in named if not np.array_equal(before, after))
                if self.differentiable and isinstance(value, Tensor) and not modified:
                    source = given[self.parameters.index(self.differentiable)].requires_grad_()
                    total = function(*given).sum()
                    gradient = torch.autograd.grad(total, source, allow_unused=True)[0] if total.requires_grad else None
        except (Exception, SystemExit) as error:
            return Answer(error=error)
        return Answer(value, gradient, modified)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a function does with the arguments of one case."""

    value: object = None
    gradient: Tensor | None = None
    modified: tuple[str, ...] = ()
    error: BaseException | None = None

    def __eq__(self, other: Answer) -> bool:
        if self.error or other.error:
            return bool(self.error and other.error)
        agree = _close(self.value, other.value) and _close(self.gradient, other.gradient)
        return agree and self.modified == other.modified

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}" if self.error else _text(self.value)


def _numbers(value) -> np.ndarray | None:
    """Any array, tensor, list or number as float64; None where it is nothing of the kind."""
    try:
        array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
        return array.astype(np.float64) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, RuntimeError):
        return None


def _close(one, other) -> bool:
    one, other = _numbers(one), _numbers(other)
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def _text(value) -> str:
    if _numbers(value) is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float):
        return f"{value:.5g}"
    value = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    return np.array2string(value, precision=4, suppress_small=True, separator=", ").replace("\n\n", "\n")


def _blank(): ...


def is_untouched(function: Callable) -> bool:
    """Whether a function's body is only `...`, `pass` or a docstring."""

    def operations(of: Callable) -> list[tuple]:
        return [(step.opname, step.argval) for step in dis.get_instructions(of) if step.opname != "NOP"]

    return operations(function) == operations(_blank)


def _fault(exercise: Exercise, function: Callable, expected: Answer, got: Answer) -> str:
    """The first thing wrong with an answer, in words; empty when it is right."""
    if got.error:
        frames = traceback.extract_tb(got.error.__traceback__)
        own = [frame for frame in frames if frame.filename == inspect.unwrap(function).__code__.co_filename]
        where = f" It happens in line {own[-1].lineno}: `{own[-1].line}`" if own else ""
        return f"Your function stops with {got}.{where}"
    if got.modified:
        return (
            f"Your function changes its own input `{got.modified[0]}`. The caller still needs it: "
            "make a new array instead of writing into this one (`x = x - 1`, not `x -= 1`)."
        )
    if got.value is None or got.value is ...:
        return f"Your function returns `{got.value!r}`. Is a `return` missing, or still to be filled in?"
    value, right = _numbers(got.value), _numbers(expected.value)
    if value is None:
        return f"Your function returns a {type(got.value).__name__}, expected is a {type(expected.value).__name__}."
    if value.shape != right.shape:
        return f"The shape is {value.shape}, expected is {right.shape}. Which axes should be left, which reduced?"
    if not _close(value, right):
        odd = "" if np.isfinite(value).all() else ", and not all of them are finite (an overflow, log 0, or 0 / 0?)"
        return f"The shape is right, the numbers are not{odd}. Work this example out by hand, then compare."
    if got.gradient is None and expected.gradient is not None:
        return (
            f"The numbers are right, but no gradient reaches `{exercise.differentiable}`: nothing could be learned "
            "from this loss. Stay with torch operations, and detach nothing."
        )
    return "" if _close(got.gradient, expected.gradient) else "The numbers are right, but their gradient is not."


def _misconception(exercise: Exercise, got: dict[str, Answer], failed: str) -> str | None:
    """The first misconception that gives the same answers; else one that does where the learner's function runs."""
    mistaken = {name: exercise.answers(function) for name, function in exercise.misconceptions.items()}
    for excused in (set(), {case for case in got if got[case].error and case != failed}):
        for name, theirs in mistaken.items():
            if all(theirs[case] == got[case] for case in got if case not in excused):
                return name
    return None


def judge(exercise: Exercise, function: Callable) -> tuple[Box, Callable]:
    """What to tell the learner, and the function that goes on in the notebook.

    A right function goes on as it is; one whose answers are another kind of array than the reference's (a list, NumPy
    for torch) is wrapped to convert them. In place of every other function the reference goes on.
    """
    stuck = f'Stuck? `hint("{exercise.name}")`, then `show_solution("{exercise.name}")`.'
    closing = "Until it is right, the reference goes on in its place. " + stuck
    if not inspect.isfunction(inspect.unwrap(function)):
        text = f"Write a plain function, `def {exercise.name}(...)`; this is of type {type(function).__name__}."
        return Box("wrong", f"`{exercise.name}`", (text,), closing=closing), exercise.reference
    if is_untouched(inspect.unwrap(function)):
        return Box("open", exercise.title, ("The reference goes on in its place. " + stuck,)), exercise.reference
    parameters = list(inspect.signature(function).parameters)
    if parameters != exercise.parameters:
        text = f"The parameters should be `({', '.join(exercise.parameters)})`, yours are `({', '.join(parameters)})`."
        return Box("wrong", f"`{exercise.name}`", (text,), closing=closing), exercise.reference

    expected, got = exercise.answers(exercise.reference), exercise.answers(function)
    faults = {case: _fault(exercise, function, expected[case], got[case]) for case in exercise.cases}
    passed = " · ".join(case for case, fault in faults.items() if not fault)
    failed = next((case for case, fault in faults.items() if fault), None)
    if failed is None:
        passed += f" · the gradient with respect to `{exercise.differentiable}`" if exercise.differentiable else ""
        text = f"Checks passed: {passed}. From here on, the notebook uses your function."
        for kind, convert in ((Tensor, torch.as_tensor), (np.ndarray, np.asarray)):
            if any(isinstance(expected[c].value, kind) and not isinstance(got[c].value, kind) for c in faults):
                return Box("right", f"`{exercise.name}`", (text,)), _converted(function, convert)
        return Box("right", f"`{exercise.name}`", (text,)), function

    text = exercise.texts["misconceptions"].get(_misconception(exercise, got, failed), faults[failed])
    example = f"Smallest failing example: {failed}." + (f" Passed: {passed}." if passed else "")
    want, have = expected[failed], got[failed]
    rows = dict(zip(exercise.parameters, map(_text, exercise.cases[failed]), strict=True))
    rows |= {"expected": str(want), "got": str(have)}
    if want.gradient is not None and _close(want.value, have.value):
        rows |= {"expected gradient": _text(want.gradient), "got gradient": _text(have.gradient)}
    return Box("wrong", f"`{exercise.name}`", (text, example), rows, closing), exercise.reference


def _converted(function: Callable, convert: Callable) -> Callable:
    return functools.wraps(function)(lambda *args, **kwargs: convert(function(*args, **kwargs)))
