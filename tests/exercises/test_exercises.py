"""The exercises: right answers pass, every known mistake is told by its name, and nothing stops the notebook."""

import functools
import json
import math
import os
import re
import types

import numpy as np
import pytest
import torch

from rlkit_mini.names import UnknownNameError
from rlkit_workbook import exercises
from rlkit_workbook.exercises import EXERCISES, exercise, hint, progress, quiz, show_solution
from rlkit_workbook.exercises.checking import TEXTS, judge
from rlkit_workbook.exercises.quizzes import QUIZZES

MUTANTS = [(name, mistake) for name, item in EXERCISES.items() for mistake in item.misconceptions]


@pytest.fixture(autouse=True)
def shown(monkeypatch, tmp_path):
    """The boxes shown, with progress kept in a folder of the test's own."""
    boxes = []
    monkeypatch.setattr(exercises, "display", boxes.append)
    monkeypatch.setenv("RLKIT_MINI_PROGRESS", str(tmp_path / "progress.json"))
    return boxes


def written_by_learner(name, function):
    """`function` under the exercise's name and parameters."""
    parameters = ", ".join(EXERCISES[name].parameters)
    cell = {"function": function}
    exec(f"def {name}({parameters}):\n    return function({parameters})", cell)
    return cell[name]


def told(box):
    """A box's plain text, on one line."""
    return " ".join(repr(box).split())


# What the reference and the untouched cell give


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_is_right(name):
    box, goes_on = judge(EXERCISES[name], EXERCISES[name].reference)
    assert box.kind == "right"
    assert goes_on is EXERCISES[name].reference
    assert all(case in told(box) for case in EXERCISES[name].cases)


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


def test_texts_and_exercises_belong_together():
    assert TEXTS.keys() == EXERCISES.keys()
    for name, item in EXERCISES.items():
        messages = item.texts["misconceptions"]
        assert messages.keys() == item.misconceptions.keys(), name
        assert len(set(messages.values())) == len(messages) >= 4
        assert item.texts["difficulty"] in (1, 2, 3)
        assert item.texts["minutes"] > 0
        assert item.texts["hint"]
    notebooks = [item.texts["notebook"] for item in EXERCISES.values()]
    assert all(notebooks.count(notebook) >= 2 for notebook in notebooks)


def test_cases_come_smallest_first():
    def size(arguments):
        return sum(np.asarray(argument).size for argument in arguments)

    for item in EXERCISES.values():
        sizes = list(map(size, item.cases.values()))
        assert sizes == sorted(sizes), item.name


# Other right formulations, written from the equations alone

ALTERNATIVES = []


def alternative(function):
    ALTERNATIVES.append(function)
    return function


@alternative
def coverage_by_a_set(positions, walls):
    seen = set()
    for x, y in positions:
        seen.add((min(int(2 * x), 2 * len(walls) - 1), min(int(2 * y), 2 * len(walls[0]) - 1)))
    return len(seen) / (4 * sum(not wall for column in walls for wall in column))


@alternative
def discounted_return_by_horner(rewards, discount):
    total = np.zeros(rewards.shape[:-1])
    for t in reversed(range(rewards.shape[-1])):
        total = rewards[..., t] + discount * total
    return total


@alternative
def steps_to_go_by_searching(values, discount):
    def steps(value):
        if value * (1 - discount) <= -1:
            return math.inf
        low, high = 0.0, 10_000.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if (discount ** (middle - 1) - 1) / (1 - discount) > value else (low, middle)
        return low

    return np.vectorize(steps)(values)


@alternative
def steps_to_go_by_log1p(values, discount):
    values = np.asarray(values)
    arrives = values > -1 / (1 - discount)
    return np.where(arrives, 1 + np.log1p((1 - discount) * np.where(arrives, values, 0)) / np.log(discount), np.inf)


@alternative
def novelty_bonus_by_einsum(predicted, target):
    error = target - predicted
    return torch.einsum("...f,...f->...", error, error)


@alternative
def td_target_by_where(rewards, terminations, next_values, discount):
    return torch.where(terminations.bool(), rewards, rewards + discount * next_values).double()


@alternative
def epsilon_greedy_by_scatter(q_values, epsilon):
    probabilities = torch.full_like(q_values, epsilon / q_values.size(-1))
    best = q_values.argmax(-1, keepdim=True)
    return probabilities.scatter_add(-1, best, torch.full(best.shape, 1.0 - epsilon))


@alternative
def epsilon_greedy_in_numpy(q_values, epsilon):
    q_values = q_values.numpy()
    greedy = np.eye(q_values.shape[-1])[q_values.argmax(-1)]
    return (1 - epsilon) * greedy + epsilon * np.full(q_values.shape, 1 / q_values.shape[-1])


@alternative
def episode_returns_by_a_loop(rewards, terminations, truncations):
    returns, total = [], 0.0
    for reward, terminated, truncated in zip(rewards, terminations, truncations, strict=True):
        total += reward
        if terminated or truncated:
            returns.append(total)
            total = 0.0
    return returns


@alternative
def continuation_mask_by_negation(terminations, truncations):
    return ~terminations


@alternative
def continuation_mask_in_torch(terminations, truncations):
    return 1 - torch.as_tensor(terminations).float()


@alternative
def behaviour_policy_by_a_loop(cells, actions, number_of_cells):
    policy = np.full((number_of_cells, 5), 0.2, dtype=np.float32)
    for cell in set(cells.tolist()):
        taken = actions[cells == cell]
        policy[cell] = [(taken == action).mean() for action in range(5)]
    return policy


@alternative
def cql_penalty_in_float64(q_values, actions, temperature=1.0):
    q = q_values.double()
    data = (q * torch.eye(q.shape[-1])[actions]).sum(-1)
    return temperature * (q / temperature).exp().sum(-1).log() - data


@alternative
def cql_penalty_by_log_softmax(q_values, actions, temperature):
    chosen = actions[..., None]
    return -temperature * torch.log_softmax(q_values / temperature, -1).gather(-1, chosen)[..., 0]


@alternative
def penalty_gradient_by_autograd(q_values, actions, temperature=1.0):
    q = q_values.clone().requires_grad_()
    cql_penalty_by_log_softmax(q, actions, temperature).sum().backward()
    return q.grad


@alternative
def penalty_gradient_by_a_shifted_softmax(q_values, actions, temperature=1.0):
    e = torch.exp((q_values - q_values.max(-1, keepdim=True).values) / temperature)
    return e / e.sum(-1, keepdim=True) - (torch.arange(q_values.shape[-1]) == actions.unsqueeze(-1)).float()


@alternative
def double_q_value_by_one_hot(online_q, target_q):
    chosen = torch.nn.functional.one_hot(online_q.max(-1).indices, online_q.shape[-1])
    return (chosen * target_q).sum(-1)


@alternative
def double_q_value_by_a_loop(online_q, target_q):
    rows = zip(online_q.reshape(-1, online_q.shape[-1]), target_q.reshape(-1, target_q.shape[-1]), strict=True)
    return torch.stack([judge[choose.argmax()] for choose, judge in rows]).reshape(online_q.shape[:-1])


@alternative
def double_q_value_in_numpy(online_q, target_q):
    best = online_q.numpy().argmax(-1)[..., None]
    return np.take_along_axis(target_q.numpy(), best, -1)[..., 0]


@alternative
def overestimation_by_einsum(q_values, policy, true_q_values):
    return np.einsum("...a,...a->...", policy, q_values - true_q_values)


@alternative
def overestimation_in_torch(q_values, policy, true_q_values):
    error = torch.as_tensor(q_values) - torch.as_tensor(true_q_values)
    return (torch.as_tensor(policy) * error).sum(-1)


@alternative
def max_bias_by_a_loop(estimates, true_values):
    errors = [max(row) - max(true_values) for row in estimates]
    return sum(errors) / len(errors)


@alternative
def max_bias_in_torch(estimates, true_values):
    return torch.as_tensor(estimates).max(dim=1).values.mean() - torch.as_tensor(true_values).max()


@alternative
def log_likelihood_by_cross_entropy(logits, actions):
    return -torch.nn.functional.cross_entropy(logits.movedim(-1, 1), actions, reduction="none")


@alternative
def log_likelihood_by_a_distribution(logits, actions):
    return torch.distributions.Categorical(logits=logits).log_prob(actions)


@alternative
def log_likelihood_by_one_hot(logits, actions):
    chosen = torch.nn.functional.one_hot(actions, logits.shape[-1]).to(logits.dtype)
    return torch.einsum("...a,...a->...", logits - logits.logsumexp(-1, keepdim=True), chosen)


@alternative
def expected_value_by_einsum(q_values, action_probabilities):
    return torch.einsum("...a,...a->...", q_values, action_probabilities)


@alternative
def expected_value_in_numpy(q_values, action_probabilities):
    return np.sum(q_values.numpy() * action_probabilities.numpy(), axis=-1)


@alternative
def advantage_weights_by_clamping_the_exponential(advantages, temperature, max_weight=100.0):
    return (advantages / temperature).exp().clamp(max=max_weight)


@alternative
def advantage_weights_in_float64(advantages, temperature, max_weight):
    exponent = advantages.double() / temperature
    limit = float(np.log(max_weight))
    return torch.where(exponent < limit, exponent, limit).exp()


@alternative
def kl_bonus_by_a_ratio(policy, behaviour, weight):
    bonus = np.zeros_like(policy)
    taken = policy > 0
    with np.errstate(divide="ignore"):
        bonus[taken] = weight * np.log(behaviour[taken] / policy[taken])
    return bonus


@alternative
def kl_bonus_by_torch(policy, behaviour, weight):
    policy, behaviour = torch.as_tensor(policy), torch.as_tensor(behaviour)
    return torch.where(policy > 0, weight * (behaviour.log() - policy.log()), 0.0)


@alternative
def kl_bonus_in_loops(policy, behaviour, weight):
    rows = zip(np.reshape(policy, (-1, policy.shape[-1])), np.reshape(behaviour, (-1, policy.shape[-1])), strict=True)
    bonus = [[-weight * np.log(p / b) if p > 0 else 0.0 for p, b in zip(*row, strict=True)] for row in rows]
    return np.reshape(bonus, policy.shape)


@alternative
def paired_interval_by_a_loop(a, b, picks):
    means = sorted(sum(a[i] - b[i] for i in row) / len(row) for row in picks)
    return np.percentile(means, 2.5), np.percentile(means, 97.5)


@alternative
def paired_interval_in_torch(a, b, picks):
    means = torch.as_tensor(a)[picks].mean(-1) - torch.as_tensor(b)[picks].mean(-1)
    return torch.quantile(means, torch.tensor([0.025, 0.975], dtype=means.dtype))


@alternative
def trajectory_bonus_by_loops(policy, behaviour, transitions, weight):
    bonus = np.zeros(transitions.shape[::2])
    for s, n in np.ndindex(bonus.shape):
        ours, theirs = (sum(p[s, a] * transitions[s, a, n] for a in range(p.shape[1])) for p in (policy, behaviour))
        if ours > 0:
            bonus[s, n] = weight * (np.log(theirs) - np.log(ours)) if theirs > 0 else -np.inf
    return bonus


@alternative
def trajectory_bonus_by_matmul(policy, behaviour, transitions, weight):
    ours, theirs = ((p[:, None] @ transitions)[:, 0] for p in (policy, behaviour))
    safe = np.where(ours > 0, ours, 1.0)
    return weight * np.where(ours > 0, np.log(np.maximum(theirs, 0)) - np.log(safe), 0.0)


@alternative
def fqe_backup_by_a_loop(q_values, cells, actions, rewards, next_cells, terminations, policy, discount):
    targets = {}
    for c, a, r, n, m in zip(cells, actions, rewards, next_cells, terminations, strict=True):
        ahead = 0.0 if m else discount * np.dot(policy[n], q_values[n])
        targets.setdefault((c, a), []).append(r + ahead)
    new = q_values.copy()
    for pair, found in targets.items():
        new[pair] = np.mean(found)
    return new


@alternative
def fqe_backup_by_bincount(q_values, cells, actions, rewards, next_cells, terminations, policy, discount):
    pairs, size = cells * q_values.shape[1] + actions, q_values.size
    targets = rewards + discount * (1 - terminations) * np.einsum("ca,ca->c", policy, q_values)[next_cells]
    counts = np.bincount(pairs, minlength=size)
    means = np.bincount(pairs, targets, size) / np.clip(counts, 1, None)
    return np.where(counts > 0, means, q_values.ravel()).reshape(q_values.shape)


@alternative
def expectile_by_bisection(values, tau):
    low, high = min(values), max(values)
    for _ in range(60):
        v = (low + high) / 2
        above = sum(max(x - v, 0) for x in values)
        below = sum(max(v - x, 0) for x in values)
        low, high = (v, high) if tau * above > (1 - tau) * below else (low, v)
    return (low + high) / 2


@alternative
def expectile_by_sorting(values, tau):
    ordered, candidates = np.sort(values), []
    for below in range(len(values)):  # as if so many values were below it
        weights = np.array([1 - tau] * below + [tau] * (len(values) - below))
        candidates.append(weights @ ordered / weights.sum())
    return torch.tensor(max(candidates) if tau >= 0.5 else min(candidates))


@alternative
def expectile_loss_by_the_equation(differences, expectile):
    return torch.abs(expectile - (differences < 0).to(differences.dtype)) * differences.pow(2)


@alternative
def expectile_loss_by_two_sides(differences, expectile):
    above, below = torch.relu(differences), torch.relu(-differences)
    return expectile * above * above + (1 - expectile) * below * below


@alternative
def f_divergence_bonus_by_a_loop(policy, behaviour, f, weight):
    bonus = np.zeros(policy.shape)
    for place in np.ndindex(policy.shape):
        if policy[place] > 0:
            bonus[place] = -weight * behaviour[place] / policy[place] * f(policy[place] / behaviour[place])
    return bonus


@alternative
def f_divergence_bonus_in_one_line(policy, behaviour, f, weight):
    return -weight * np.nan_to_num(behaviour * f(policy / behaviour) / policy, nan=0.0, posinf=0.0, neginf=0.0)


@alternative
def symmetric_indices_in_two_parts(uniforms, n_offline, n_online):
    if n_offline == 0 or n_online == 0:
        return np.floor((n_offline + n_online) * uniforms).astype(int)
    old, new = np.split(uniforms, [uniforms.shape[-1] // 2], axis=-1)
    return np.concatenate([np.floor(old * n_offline), n_offline + np.floor(new * n_online)], axis=-1).astype(int)


@alternative
def symmetric_indices_by_a_loop(uniforms, n_offline, n_online):
    members, batch = uniforms.shape
    indices = np.zeros((members, batch), dtype=int)
    for member in range(members):
        for place in range(batch):
            old = place < batch // 2
            if n_online == 0 or (n_offline > 0 and old):
                indices[member, place] = int(uniforms[member, place] * n_offline)
            else:
                indices[member, place] = n_offline + int(uniforms[member, place] * n_online)
    return indices


@alternative
def cumulative_regret_by_counting(returns, best):
    return best * np.arange(1, returns.shape[-1] + 1) - returns.cumsum(-1)


@alternative
def cumulative_regret_by_a_triangle(returns, best):
    return (best - returns) @ np.triu(np.ones((returns.shape[-1],) * 2))


@alternative
def cumulative_regret_by_a_loop(returns, best):
    lost, sums = np.zeros(returns.shape[:-1]), []
    for episode in range(returns.shape[-1]):
        lost = lost + best - returns[..., episode]
        sums.append(lost)
    return np.stack(sums, axis=-1)


@pytest.mark.parametrize("function", ALTERNATIVES, ids=lambda function: function.__name__)
def test_other_right_formulations_are_accepted(function, shown):
    function = types.FunctionType(function.__code__, globals(), re.split("_by_|_in_", function.__name__)[0])
    goes_on = exercise(function)
    assert shown[0].kind == "right", repr(shown[0])
    assert goes_on is function or goes_on.__wrapped__ is function


def test_another_kind_of_array_is_converted_for_the_cells_below(shown):
    def episode_returns(rewards, terminations, truncations):
        return episode_returns_by_a_loop(rewards, terminations, truncations)

    def epsilon_greedy(q_values, epsilon):
        return epsilon_greedy_in_numpy(q_values, epsilon)

    returns = exercise(episode_returns)(*EXERCISES["episode_returns"].cases["several episodes"])
    np.testing.assert_array_equal(returns, [-3.0, -5.0, 4.0])
    assert isinstance(returns, np.ndarray)
    assert isinstance(exercise(epsilon_greedy)(torch.zeros(2, 3), epsilon=0.5), torch.Tensor)


# Faults that no misconception explains


def wrong(name, body, shown):
    """The text of the box for a cell with this body."""
    cell = {"torch": torch, "np": np, "exercise": exercise}
    exec(f"@exercise\ndef {name}({', '.join(EXERCISES[name].parameters)}):\n    {body}", cell)
    assert cell[name] is EXERCISES[name].reference
    assert shown[-1].kind == "wrong"
    return told(shown[-1])


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
        ("coverage", "raise KeyboardInterrupt", "Interrupted before your function had answered"),
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


# Help and progress


@pytest.mark.parametrize("name", EXERCISES)
def test_hint_and_solution_say_how_long_and_how_hard(name, shown):
    hint(name)
    show_solution(name)
    minutes, difficulty = TEXTS[name]["minutes"], TEXTS[name]["difficulty"]
    assert all(f"{name} ({minutes} minutes, difficulty {difficulty} of 3)" in repr(box) for box in shown)
    assert f"def {name}(" in repr(shown[1])
    assert '"""' in repr(shown[1])


def test_boxes_are_the_same_every_time(shown):
    for _ in range(2):
        wrong("td_target", "return rewards", shown)
    assert shown[0]._repr_html_() == shown[1]._repr_html_()
    assert repr(shown[0]) == repr(shown[1])


def test_progress_follows_the_last_attempt(shown, tmp_path):
    def states():
        progress()
        return shown[-1].rows["02 td_target"]

    assert states() == "○ not attempted"
    wrong("td_target", "return rewards", shown)
    assert states() == "✗ attempted"
    exercise(written_by_learner("td_target", EXERCISES["td_target"].reference))
    assert states() == "✓ right"
    assert f"1 of {len(EXERCISES)} exercises right" in repr(shown[-1])
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "right"}
    assert sorted(os.listdir(tmp_path)) == [".progress.lock", "progress.json"]


def test_progress_lies_beside_the_notebook(shown, monkeypatch, tmp_path):
    monkeypatch.delenv("RLKIT_MINI_PROGRESS")
    monkeypatch.chdir(tmp_path)
    wrong("td_target", "return rewards", shown)
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "attempted"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"td_target": ["right"]}', b'{"td_target": 3}', b"[" * 10_000],
)
def test_a_damaged_progress_file_is_ignored_and_replaced(content, shown, tmp_path):
    (tmp_path / "progress.json").write_bytes(content)
    progress()
    assert "0 of" in repr(shown[0])
    wrong("td_target", "return rewards", shown)
    assert json.loads((tmp_path / "progress.json").read_text()) == {"td_target": "attempted"}


def test_a_folder_that_cannot_be_written_disturbs_nobody(shown, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("RLKIT_MINI_PROGRESS", str(tmp_path / "file" / "progress.json"))
    wrong("td_target", "return rewards", shown)
    progress()
    assert "0 of" in repr(shown[-1])


# Quizzes


@pytest.mark.parametrize("notebook", QUIZZES)
def test_a_quiz_has_three_questions_with_one_right_answer_each(notebook):
    assert len(QUIZZES[notebook]) == 3
    for entry in QUIZZES[notebook]:
        assert sum("right" in answer for answer in entry["answers"]) == 1
        assert all(answer["why"] and answer.keys() - {"why"} in ({"right"}, {"wrong"}) for answer in entry["answers"])
        assert len({answer.get("right") or answer["wrong"] for answer in entry["answers"]}) >= 3


@pytest.mark.parametrize("notebook", QUIZZES)
def test_choosing_an_answer_explains_it(notebook):
    for entry, question in zip(QUIZZES[notebook], quiz(notebook).children[:3], strict=True):
        choice, explanation = question.children
        assert choice.value is None
        assert entry["question"] in choice.description
        assert explanation.value == ""
        for answer in entry["answers"]:
            choice.value = answer.get("right") or answer["wrong"]
            assert answer["why"] in explanation.value
            assert ("✓ Right." in explanation.value) == ("right" in answer)


def test_the_right_answer_is_not_always_in_the_same_place():
    places = [
        ["right" in answer for answer in entry["answers"]].index(True) for quiz in QUIZZES.values() for entry in quiz
    ]
    assert max(map(places.count, places)) <= len(places) / 2


def test_the_quiz_of_no_notebook_gives_the_closest():
    with pytest.raises(UnknownNameError, match="unknown notebook '5'; did you mean '05'"):
        quiz("5")
