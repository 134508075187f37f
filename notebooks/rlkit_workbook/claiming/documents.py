"""What documents claim of the committed report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.stats

from rlkit_mini import MAZES
from rlkit_workbook.claiming import Claim
from rlkit_workbook.claiming.sources import NOTEBOOKS
from rlkit_workbook.results import RESULTS, read_results

NARROW = ("medium-near-expert", "hard-near-expert", "medium-lazy")


def _results(claim: Claim, report: dict) -> None:
    horizons = {data: MAZES[data.partition("-")[0]].horizon for data in NARROW}
    dqn = {data: report[f"{data}: DQN"]["returns"] for data in (*NARROW, "medium-rnd")}
    claim("Narrow data: DQN collapses", all(claim.never_arrives(dqn[data], horizons[data]) for data in NARROW))
    broad = claim.better(dqn["medium-rnd"], report["medium-rnd: CQL, α 1"]["returns"])
    claim("Broad data: it needs no pessimism, and too much of it hurts", broad)
    _fine_tuning(claim, report["pointmass_hard_cql_finetune"])
    _replicated(claim, read_results("replication"))
    _choosing(claim, {name.removeprefix("choosing: "): entry for name, entry in report.items() if "choosing" in name})


def _fine_tuning(claim: Claim, tuned: dict) -> None:
    best, since = tuned["optimal_return"], tuned["history"]["updates"].index(tuned["online_from"])
    online, control = (np.array(tuned[name]["returns"])[since:] for name in ("history", "control"))
    behind = best - claim.middle(online[-1]), best - online[-1].min()
    claim(
        f"Going online in the hard maze ends {behind[0]:.1f} below J* in the middle, "
        f"{behind[1]:.1f} with the worst seed.",
        claim.nearly_optimal(online[-1], best),
    )
    claim(
        f"The control, which makes as many updates and never acts, ends at {claim.middle(control[-1]):.1f} "
        f"(online: {claim.middle(online[-1]):.1f}; 8 seeds do not settle the difference)",
        not claim.settled(online[-1] - control[-1]),
    )


def _replicated(claim: Claim, result: dict) -> None:
    """How many of the notebooks' claims hold with training seeds that their wording was not chosen by."""
    held = {
        first: sum(row["runs"].get(first, {"holds": False})["holds"] for row in result["claims"])
        for first in map(str, result["first seeds"])
    }
    counts = " and ".join(f"{count} with first seed {first}" for first, count in held.items())
    claim(f"Of {len(result['claims'])} claims, {counts} hold.", not result["stopped"], seen=str(result["stopped"]))


def _choosing(claim: Claim, choices: dict[str, dict]) -> None:
    pairs = zip(_scores(choices["medium-rnd"], "fitted_q").T, _scores(choices["medium-rnd"], "true").T, strict=True)
    ranks = [scipy.stats.spearmanr(*pair).statistic for pair in pairs]
    claim(
        "On broad data fitted Q evaluation tells good from bad "
        f"(rank correlation with the truth: {np.median(ranks):.2f})",
        min(ranks) > 0.5,
        seen=f"rank correlations {np.round(ranks, 2)}",
    )
    gaps = [_scores(choices[data], "fitted_q") - _scores(choices[data], "true") for data in NARROW]
    too_much = [np.median(gap[:2]) for gap in gaps]  # of DQN, half-way and at the end
    claim("on narrow data it believes in untried actions as DQN does", min(too_much) > 3, seen=f"{too_much}")
    every = all(_picks_of_dqn(choices["medium-lazy"], score) == 8 for score in ("fitted_q", "td_errors"))
    claim("on the lazy data it picks the collapsed DQN with every seed, and so does the least TD error", every)


def _scores(choice: dict, name: str) -> np.ndarray:
    """What each candidate scores with each seed: (candidates, seeds)."""
    return np.array([candidate[name] for candidate in choice["candidates"]])


def _picks_of_dqn(choice: dict, score: str) -> int:
    """How many seeds pick a DQN that never arrives, on data of the medium maze."""
    scores = _scores(choice, score)
    picked = scores.argmin(axis=0) if score == "td_errors" else scores.argmax(axis=0)
    returns, seeds = _scores(choice, "returns"), np.arange(scores.shape[1])
    is_dqn = np.array([candidate["agent"] == "DQN" for candidate in choice["candidates"]])[picked]
    return int((is_dqn & (returns[picked, seeds] < -0.98 * MAZES["medium"].horizon)).sum())


def _readme(claim: Claim, report: dict) -> None:
    def returns(data: str, agent: str) -> list[float]:
        return report[f"medium-{data}: {agent}"]["returns"]

    dqn, lazy = report["medium-near-expert: DQN"], report["medium-lazy: IQL"]
    best, behaviour = dqn["optimal_return"], lazy["behaviour_return"]
    narrow = {agent: returns("near-expert", agent) for agent in ("DQN", "CQL, α 1")}
    fine = claim.nearly_optimal(narrow["CQL, α 1"], best)
    claim(f"Exact returns in the medium maze, where {best:.1f} is possible", fine)
    claim(
        f"From 1,000 steps of a near-expert, DQN ends at {np.median(narrow['DQN']):.1f} and believes that its start is "
        f"worth {np.median(np.subtract(dqn['believed'], dqn['true'])):.1f} more than it is; "
        f"CQL (α 1) ends at {np.median(narrow['CQL, α 1']):.1f}.",
        claim.never_arrives(narrow["DQN"], MAZES["medium"].horizon) and fine,
    )
    clone, iql = (returns("lazy", agent) for agent in ("BC", "IQL"))
    walker = np.full(len(iql), behaviour)
    claim(f"The lazy walker makes {behaviour:.1f}.", claim.better(iql, walker) and claim.better(walker, clone))
    claim(
        f"Its clone makes {np.median(clone):.1f}, IQL {np.median(iql):.1f}: what cloning loses, offline RL gains.",
        claim.better(iql, clone) and claim.nearly_optimal(iql, best),
    )
    picks = _picks_of_dqn(report["choosing: medium-lazy"], "fitted_q")
    claim(
        "Among ten agents trained on the lazy data, fitted Q evaluation picks the collapsed DQN "
        f"with {picks} of 8 seeds.",
        claim.most(np.arange(8) < picks),
    )


def _instructors(claim: Claim, report: dict) -> None:
    tuned = report["pointmass_hard_cql_finetune"]
    found = {
        "02 Coverage of the hard maze, random actions": report["pointmass_hard_random"]["coverage"],
        "02 The same, RND without its bonus": report["pointmass_hard_rnd_control"]["coverage"],
        "02 The same, RND": report["pointmass_hard_rnd"]["coverage"],
        "04 DQN, `near-expert` data": report["medium-near-expert: DQN"]["returns"],
        "04 DQN, RND data": report["medium-rnd: DQN"]["returns"],
        "05 CQL, `alpha=1`, `near-expert` data": report["medium-near-expert: CQL, α 1"]["returns"],
        "05 CQL, `alpha=1`, RND data": report["medium-rnd: CQL, α 1"]["returns"],
        "06 Greedy clone, lazy data": report["medium-lazy: BC"]["returns"],
        "06 AWAC, lazy data": report["medium-lazy: AWAC"]["returns"],
        "07 IQL, lazy data": report["medium-lazy: IQL"]["returns"],
        "07 IQL, `near-expert` data, hard maze": report["hard-near-expert: IQL"]["returns"],
        "10 CQL online, hard maze": tuned["history"]["returns"][-1],
        "10 Its control, offline only": tuned["control"]["returns"][-1],
    }
    for words, values in found.items():
        digits = 2 if words.startswith("02") else 1
        low, middle, high = (f"{value:.{digits}f}" for value in (min(values), np.median(values), max(values)))
        claim(f"{words} | {middle} | [{low}, {high}]", np.isfinite(values).all())


DOCUMENTS = {  # -> what it claims
    RESULTS.parent / "README.md": _readme,
    RESULTS / "RESULTS.md": _results,
    NOTEBOOKS / "INSTRUCTORS.md": _instructors,
}


def document_claims(path: Path) -> tuple[list[dict], list[str]]:
    """The claims that a document makes of `figures/report.json`, and what kept them from it."""
    if path.resolve() not in DOCUMENTS:
        known = ", ".join(document.name for document in DOCUMENTS)
        raise ValueError(f"{path} makes no claims; expected a notebook (.ipynb), or {known}")
    claim = Claim()
    try:
        DOCUMENTS[path.resolve()](claim, read_results("report"))
    except (KeyError, ValueError, IndexError, TypeError) as error:
        return claim.made, [f"its claims stopped: {type(error).__name__}: {error}"]
    return claim.made, []
