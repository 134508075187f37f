"""Drawn inputs: what is right stays right in each draw, what is right on simple inputs only is refused."""

import re
import tomllib
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ALTERNATIVES

from rlkit_workbook.exercises import EXERCISES
from rlkit_workbook.exercises.drawing import NATURES

CORPUS = tomllib.loads(Path(__file__).with_name("wrong_answers.toml").read_text(encoding="utf-8"))


def written(name, line):
    """The function of one line of the corpus."""
    for part, source in CORPUS["common"].items():
        line = line.replace(f"{{{part}}}", source)
    body = line if re.search(r"\breturn\b", line) else f"return {line}"
    cell = {"np": np, "torch": torch}
    exec(f"def {name}({', '.join(EXERCISES[name].parameters)}):\n    {body}", cell)
    return cell[name]


@pytest.mark.parametrize("name", EXERCISES)
def test_no_wrong_answer_passes(name):
    lines = CORPUS["answers"][name].strip().splitlines()
    item = EXERCISES[name]
    passed = [line for line in lines if item.is_right(item.attempt(written(name, line)))]
    assert passed == []
    assert len(lines) >= 14


@pytest.mark.parametrize("draw", [1, 2, 3])
def test_right_answers_pass_whatever_is_drawn(draw):
    for name, function in ALTERNATIVES:
        answer = types.FunctionType(function.__code__, function.__globals__, name, function.__defaults__)
        box = EXERCISES[name].verdict(EXERCISES[name].attempt(answer, draw), draw)
        assert box.kind == "right", (function.__name__, repr(box))


def test_there_are_a_hundred_other_right_answers():
    assert len(ALTERNATIVES) >= 100


def test_some_exercise_knows_each_nature():
    drawn = {nature.removesuffix(", again") for item in EXERCISES.values() for nature in item.drawn(1)}
    assert drawn == set(NATURES)


def test_a_draw_is_the_same_each_time_and_unlike_the_next():
    item = EXERCISES["discounted_return"]
    again = type(item)(item.reference, item.cases, item.inputs, item.misconceptions)
    for case, (rewards, discount) in item.drawn(1).items():
        np.testing.assert_array_equal(again.drawn(1)[case][0], rewards)
        assert again.drawn(1)[case][1] == discount
    assert (item.drawn(2)["any numbers"][0] != item.drawn(1)["any numbers"][0]).any()


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("cumulative_regret", "np.cumsum(np.minimum(best - returns, 100), axis=-1)", "Is something clipped"),
        ("double_q_value", "(target_q * (online_q == online_q.amax(-1, keepdim=True))).sum(-1)", "numbers are equal"),
        (
            "double_q_value",
            "target_q.gather(-1, (online_q * 100).round().argmax(-1, keepdim=True))[..., 0]",
            "differ by little",
        ),
        (
            "epsilon_greedy",
            "{GREEDY} return torch.where(g > 0, 1 - epsilon, 0.0) + epsilon / min(5, g.shape[-1])",
            "many",
        ),
        ("td_target", "rewards + (discount or 1.0) * (1 - terminations) * next_values", "lower end"),
    ],
)
def test_what_is_wrong_on_one_kind_of_inputs_only_is_told_so(name, line, says):
    box = EXERCISES[name].verdict(EXERCISES[name].attempt(written(name, line)))
    assert box.kind == "wrong"
    assert says in box.text[0], box.text[0]
