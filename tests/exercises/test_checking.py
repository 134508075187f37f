"""Exercises: right answers pass, every known mistake is told by its name, and nothing stops the notebook."""

import functools
import os
import types

import numpy as np
import pytest
import torch
from helpers import ALTERNATIVES, run_exercise_cell, written_by_learner

from rlkit_mini.names import UnknownNameError
from rlkit_workbook.exercises import EXERCISES, exercise, hint, show_solution
from rlkit_workbook.exercises.checking import TEXTS, judge

MUTANTS = [(name, mistake) for name, item in EXERCISES.items() for mistake in item.misconceptions]


def told(box):
    """A box's plain text, on one line."""
    return " ".join(repr(box).split())


def wrong(name, body, shown):
    """The text of the box for a cell with this body."""
    assert run_exercise_cell(name, body) is EXERCISES[name].reference
    assert shown[-1].kind == "wrong"
    return told(shown[-1])


# What the reference and the untouched cell give


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_is_right(name):
    box, goes_on = judge(EXERCISES[name], EXERCISES[name].reference)
    assert box.kind == "right"
    assert goes_on is EXERCISES[name].reference
    assert all(case in told(box) for case in EXERCISES[name].cases)
    assert "inputs drawn at random" in told(box)


def test_an_untouched_cell_gets_a_calm_note_and_the_reference(shown, tmp_path):
    @exercise
    def td_target(rewards, terminations, next_values, discount): ...

    def attempts():
        def td_target(rewards, terminations, next_values, discount):
            pass

        yield td_target

        def td_target(rewards, terminations, next_values, discount):
            """What the learner should do."""

        yield td_target

        def td_target(rewards, terminations, next_values, discount):
            """What the learner should do."""
            ...

        yield td_target

    assert all(exercise(attempt) is EXERCISES["td_target"].reference for attempt in attempts())
    assert td_target is EXERCISES["td_target"].reference
    assert [box.kind for box in shown] == ["open"] * 4
    assert "Not attempted yet" in repr(shown[0])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("body", ["return 0.0", "return rewards", "raise ValueError", "x = 1"])
def test_a_short_attempt_is_not_taken_for_an_untouched_cell(body):
    cell = {}
    exec(f"def td_target(rewards, terminations, next_values, discount): {body}", cell)
    assert judge(EXERCISES["td_target"], cell["td_target"])[0].kind == "wrong"


# Mutants


@pytest.mark.parametrize(("name", "mistake"), MUTANTS, ids=[" ".join(mutant) for mutant in MUTANTS])
def test_every_misconception_is_rejected_with_its_own_message(name, mistake):
    box, goes_on = judge(EXERCISES[name], written_by_learner(name, EXERCISES[name].misconceptions[mistake]))
    assert box.kind == "wrong"
    assert box.text[0] == TEXTS[name]["misconceptions"][mistake]
    assert goes_on is EXERCISES[name].reference
    assert {"expected", "got", *EXERCISES[name].parameters} <= box.rows.keys()


def test_examples_come_smallest_first():
    def size(arguments):
        return sum(np.asarray(argument).size for argument in arguments)

    for item in EXERCISES.values():
        sizes = list(map(size, item.cases.values()))
        assert sizes == sorted(sizes), item.name


# Other right formulations, written from the equations alone


def test_every_exercise_has_another_right_formulation():
    assert {name for name, _ in ALTERNATIVES} == set(EXERCISES)


@pytest.mark.parametrize(("name", "function"), ALTERNATIVES, ids=[function.__name__ for _, function in ALTERNATIVES])
def test_other_right_formulations_are_accepted(name, function, shown):
    function = types.FunctionType(function.__code__, function.__globals__, name)
    goes_on = exercise(function)
    assert shown[0].kind == "right", repr(shown[0])
    assert goes_on is function or goes_on.__wrapped__ is function


def test_another_kind_of_array_is_converted_for_the_cells_below():
    item = EXERCISES["episode_returns"]
    in_a_list = written_by_learner(item.name, lambda *steps: list(item.reference(*steps)))
    returns = exercise(in_a_list)(*item.cases["several episodes"])
    np.testing.assert_array_equal(returns, [-3.0, -5.0, 4.0])
    assert isinstance(returns, np.ndarray)
    in_numpy = written_by_learner("epsilon_greedy", lambda *all: EXERCISES["epsilon_greedy"].reference(*all).numpy())
    assert isinstance(exercise(in_numpy)(torch.zeros(2, 3), epsilon=0.5), torch.Tensor)


# Faults that no misconception explains


def test_an_exception_is_told_with_the_learners_own_line(shown):
    @exercise
    def novelty_bonus(predicted, target):
        difference = predicted - target
        return difference.squared()

    line = test_an_exception_is_told_with_the_learners_own_line.__code__.co_firstlineno + 4
    assert novelty_bonus is EXERCISES["novelty_bonus"].reference
    assert "AttributeError: 'Tensor' object has no attribute 'squared'" in told(shown[-1])
    assert f"line {line}: `return difference.squared()`" in told(shown[-1])


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("td_target", "rewards + discount * next_values", "returns `None`"),
        ("td_target", "return ...", "returns `Ellipsis`"),
        ("td_target", "return 'reward'", "returns a str"),
        ("td_target", "return rewards[..., None]", "shape is (1, 1), expected is (1,)"),
        ("td_target", "return 7 * rewards", "the numbers are not"),
        ("td_target", "return rewards / 0", "not all of them are finite"),
        ("td_target", "rewards += discount * (1 - terminations) * next_values; return rewards", "own input `rewards`"),
        ("novelty_bonus", "return ((predicted - target) ** 2).sum(-1).detach()", "no gradient reaches `predicted`"),
        (
            "novelty_bonus",
            "return ((predicted.detach() - target) ** 2).sum(-1) + 0 * predicted.sum(-1)",
            "gradient is not",
        ),
        ("novelty_bonus", "return ((predicted - target) ** 2).sum(-1, keepdim=True)", "expected is (1,)"),
        ("novelty_bonus", "return torch.tensor(((predicted - target) ** 2).sum(-1).numpy())", "Can't call numpy()"),
        ("coverage", "return 1 / 0", "ZeroDivisionError: division by zero"),
        ("coverage", "raise SystemExit(3)", "stops with SystemExit: 3"),
        ("coverage", "raise KeyboardInterrupt", "Interrupted before your code had answered"),
        ("coverage", "walls[:] = True; return 0.125", "own input `walls`"),
    ],
)
def test_a_fault_is_named(name, body, says, shown):
    assert says in wrong(name, body, shown)


@pytest.mark.parametrize(
    "mark", [np.vectorize, lambda function: type("td_target", (), {}), lambda function: function.__name__]
)
def test_what_is_no_plain_function_is_told(mark, shown):
    def td_target(rewards, terminations, next_values, discount):
        return rewards

    assert exercise(mark(td_target)) is EXERCISES["td_target"].reference
    assert "Write a plain function, `def td_target(...)`; this is of type" in told(shown[-1])


def test_a_function_within_another_is_judged_as_its_own(shown):
    @exercise
    @functools.cache
    def coverage(positions, walls):
        return 0.0

    assert "TypeError: unhashable type" in told(shown[-1])

    @exercise
    @torch.no_grad()
    def td_target(rewards, terminations, next_values, discount): ...

    assert shown[-1].kind == "open"


@pytest.mark.parametrize("parameters", ["q, a, t", "q_values, temperature, actions", "q_values, actions", "*arguments"])
def test_other_parameters_are_told(parameters, shown):
    cell = {"exercise": exercise}
    exec(f"@exercise\ndef cql_penalty({parameters}):\n    return 0.0", cell)
    assert "The parameters should be `(q_values, actions, temperature)`" in told(shown[0])
    assert cell["cql_penalty"] is EXERCISES["cql_penalty"].reference


def test_the_smallest_failing_example_is_shown(shown):
    data = "q_values.gather(-1, actions[..., None])[..., 0]"
    text = wrong("cql_penalty", f"return torch.logsumexp(q_values / temperature, -1) - {data}", shown)
    assert "Smallest failing example: a long way to the goal, T = 0.1. Passed: one transition." in text
    assert "temperature 0.1 expected [1.] got [-124.99" in text


def test_a_mistake_is_recognised_where_the_function_runs_for_one_agent_only(shown):
    body = "return (torch.logsumexp(q_values / temperature, dim=1) - q_values[torch.arange(len(actions)), actions])"
    assert TEXTS["cql_penalty"]["misconceptions"]["no_temperature_in_front"][:40] in wrong("cql_penalty", body, shown)


def test_the_blogs_own_lines_are_recognised(shown):
    random = "q = q_values.gather(1, torch.randint(q_values.size(-1), (q_values.size(0), 1)));"
    body = f"{random} return torch.logsumexp(q / temperature, dim=1).mean() - q_values.mean()"
    assert "no conservatism at all" in wrong("cql_penalty", body, shown)


def test_the_global_random_stream_is_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    judge(EXERCISES["cql_penalty"], written_by_learner("cql_penalty", lambda q, a, t: torch.rand(a.shape)))
    assert torch.equal(torch.rand(2), expected)


def test_what_the_learner_wrote_is_escaped(shown):
    wrong("coverage", "return '<script>alert(1)</script>'", shown)
    assert "<script>" not in shown[0]._repr_html_()
    assert "&lt;script&gt;" in shown[0]._repr_html_()


def test_an_unknown_name_gives_the_closest(shown):
    def td_targets(rewards): ...

    for ask in (lambda: exercise(td_targets), lambda: hint("td_targets"), lambda: show_solution("td_targets")):
        with pytest.raises(UnknownNameError, match="unknown exercise 'td_targets'; did you mean 'td_target'"):
            ask()


def test_boxes_are_the_same_every_time(shown):
    for _ in range(2):
        wrong("td_target", "return rewards", shown)
    assert shown[0]._repr_html_() == shown[1]._repr_html_()
    assert repr(shown[0]) == repr(shown[1])
