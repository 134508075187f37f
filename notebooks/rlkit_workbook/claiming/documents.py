"""What documents claim of the committed report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.stats

from rlkit_mini import MAZES
from rlkit_workbook.claiming import Claim
from rlkit_workbook.results import RESULTS, read_results

NARROW = ("medium-near-expert", "hard-near-expert", "medium-lazy")


def _results(claim: Claim, report: dict) -> None:
    horizons = {data: MAZES[data.partition("-")[0]].horizon for data in NARROW}
    dqn = {data: report[f"{data}: DQN"]["returns"] for data in (*NARROW, "medium-rnd")}
    claim("Narrow data: DQN collapses", all(claim.never_arrives(dqn[data], horizons[data]) for data in NARROW))
    broad = claim.better(dqn["medium-rnd"], report["medium-rnd: CQL, α 1"]["returns"])
    claim("Broad data: it needs no pessimism, and too much of it hurts", broad)
    _fine_tuning(claim, report["pointmass_hard_cql_finetune"])
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


def _choosing(claim: Claim, choices: dict[str, dict]) -> None:
    def scores(data: str, name: str) -> np.ndarray:  # (candidates, seeds)
        return np.array([candidate[name] for candidate in choices[data]["candidates"]])

    pairs = zip(scores("medium-rnd", "fitted_q").T, scores("medium-rnd", "true").T, strict=True)
    ranks = [scipy.stats.spearmanr(*pair).statistic for pair in pairs]
    claim(
        "On broad data fitted Q evaluation tells good from bad "
        f"(rank correlation with the truth: {np.median(ranks):.2f})",
        min(ranks) > 0.5,
        seen=f"rank correlations {np.round(ranks, 2)}",
    )
    too_much = [np.median((scores(data, "fitted_q") - scores(data, "true"))[:2]) for data in NARROW]  # of DQN
    claim("on narrow data it believes in untried actions as DQN does", min(too_much) > 3, seen=f"{too_much}")
    agents = np.array([candidate["agent"] for candidate in choices["medium-lazy"]["candidates"]])
    collapsed = scores("medium-lazy", "returns").max(axis=1) < -0.98 * MAZES["medium"].horizon
    picked = scores("medium-lazy", "fitted_q").argmax(axis=0), scores("medium-lazy", "td_errors").argmin(axis=0)
    every = [bool((collapsed & (agents == "DQN"))[picks].all()) for picks in picked]
    claim("on the lazy data it picks the collapsed DQN with every seed, and so does the least TD error", all(every))


DOCUMENTS = {RESULTS / "RESULTS.md": _results}  # -> what it claims


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
