"""Sentences that are held against the numbers of the run in which they stand."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
from IPython.display import display

from rlkit_mini.evaluation.measures import bootstrap_interval, interquartile_mean


class Claim:
    """Notes sentences and whether they hold; its methods say what the words of comparison mean.

    Arrays are over seeds, returns are exact, and differences are taken seed by seed. Intervals are 95% bootstrap
    intervals of the interquartile mean.
    """

    def __init__(self) -> None:
        self.made: list[dict] = []

    def __call__(self, sentence: str, holds, seen: str = "", this_run: bool = False) -> None:
        """Note a sentence.

        Args:
            sentence: as it stands in the text, its numbers filled in by the code.
            holds: its condition.
            seen: the figures of this run, shown where the condition fails.
            this_run: the sentence is about this run alone ("8 seeds cannot say"), so another need not repeat it.
        """
        told = {"sentence": " ".join(sentence.split()), "holds": bool(holds), "seen": str(seen), "this_run": this_run}
        self.made.append({name: value for name, value in told.items() if name == "holds" or value})

    @staticmethod
    def middle(values) -> float:
        """The number that tables show: the interquartile mean over the seeds."""
        return float(interquartile_mean(np.asarray(values, dtype=float)))

    @staticmethod
    def settled(difference) -> bool:
        """The interval of the paired difference excludes 0."""
        low, high = bootstrap_interval(difference)
        return bool(low > 0 or high < 0)

    @staticmethod
    def better(a, b, by: float = 0.0) -> bool:
        """a is better than b (by more than `by`): the interval of the paired difference lies above."""
        return bool(bootstrap_interval(np.subtract(a, b))[0] > by)

    @staticmethod
    def as_good_as(a, b, within: float) -> bool:
        """As good as, no harm: the interval of the paired difference lies inside ± `within`.

        A difference that is not settled does not show it.
        """
        low, high = bootstrap_interval(np.subtract(a, b))
        return bool(-within < low and high < within)

    @staticmethod
    def nearly_optimal(returns, best: float) -> bool:
        """The middle is within 10% of the best return there is, J*."""
        return Claim.middle(returns) >= best - 0.1 * abs(best)

    @staticmethod
    def never_arrives(returns, horizon: int) -> bool:
        """Every seed's return is within 2% of what an episode costs that is cut off: chance arrives now and then."""
        return bool(np.max(returns) < -0.98 * horizon)

    @staticmethod
    def collapsed(success_rates) -> bool:
        """The median seed arrives in less than half of its episodes."""
        return bool(np.median(success_rates) < 0.5)

    @staticmethod
    def most(condition) -> bool:
        """More than half."""
        return bool(np.mean(condition) > 0.5)

    @staticmethod
    def nearly_all(condition) -> bool:
        """7 of 8 or more, but not all."""
        return bool(7 / 8 <= np.mean(condition) < 1)

    @staticmethod
    def about(value: float, said: float) -> bool:
        """Within 10% of what is said."""
        return bool(abs(value - said) <= 0.1 * abs(said))

    @staticmethod
    def falls(curve) -> bool:
        """The last evaluation is settled below the first; curve (evaluations, seeds)."""
        return Claim.better(curve[0], curve[-1])

    @staticmethod
    def dips(curve, by: float = 0.0) -> bool:
        """Falls and comes back: where its middle is lowest, it is settled (by more than `by`) below both its ends."""
        curve = np.asarray(curve, dtype=float)  # (evaluations, seeds)
        lowest = curve[interquartile_mean(curve).argmin()]
        return Claim.better(curve[0], lowest, by) and Claim.better(curve[-1], lowest, by)


@contextmanager
def claims():
    """`with claims() as claim:`, and in it `claim(f"DQN believes too much by {gap:.0f}.", gap > 10)` and others.

    One line says that all hold, or which do not. No error leaves it, since a learner's changes are welcome: what could
    not be computed is said, too. The checker reads what the output's metadata hold.
    """
    claim, trouble = Claim(), ""
    try:
        yield claim
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}".splitlines()[0]
    found = {"claims": claim.made} | ({"trouble": trouble} if trouble else {})
    display({"text/plain": "\n".join(_verdict(claim.made, trouble))}, metadata=found, raw=True)


def _verdict(made: list[dict], trouble: str):
    count = f"{len(made)} claim{'s' * (len(made) != 1)} of this section"
    broken = [entry for entry in made if not entry["holds"]]
    if broken:
        yield f"✗ Of {count}, {len(broken)} do{'es' * (len(broken) == 1)} not hold in this run:"
    elif made:
        yield f"✓ {count} hold{'s' * (len(made) == 1)}"
    for entry in broken:
        yield f"  “{entry['sentence']}”" + (f" Here: {entry['seen']}" if "seen" in entry else "")
    if trouble:
        what = "The rest" if made else "This section"
        yield f"○ {what} could not be checked ({trouble}): the cells above are not as they were"
