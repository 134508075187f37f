"""How the agents' defaults were chosen: an equal, small search, away from the data and the seeds of all results.

Every algorithm with hyperparameters of its own gets four settings and one learning rate. They are trained on other
collections of the medium maze's near-expert and lazy data, with seeds 50 to 57; what has the best mean score on both is
the default everywhere. `python -m rlkit_workbook.studies.searching` writes figures/search.json.
"""

from __future__ import annotations

import numpy as np

from rlkit_mini import MAZES, Oracle, explore, train_offline
from rlkit_mini.agents import AWAC, CQL, DQN, IQL
from rlkit_mini.agents.guides import lazy, near_expert
from rlkit_mini.files import write_json
from rlkit_mini.training import use_one_thread
from rlkit_workbook.results import RESULTS

LEARNING_RATE, UPDATES, SEEDS, COLLECTION_SEED = 1e-3, 4_000, range(50, 58), 1
GRIDS = {  # IQL's are those of its paper, expectiles 0.7 and 0.9, inverse temperatures 3 and 10
    DQN: [{"target_period": period} for period in (50, 25, 100, 200)],
    CQL: [{"alpha": alpha} for alpha in (0.1, 0.3, 1.0, 3.0)],
    AWAC: [{"temperature": temperature} for temperature in (0.1, 0.3, 1.0, 3.0)],
    IQL: [
        {"expectile": expectile, "temperature": temperature} for expectile in (0.7, 0.9) for temperature in (0.1, 0.3)
    ],
}


def search() -> dict[str, dict]:
    """Algorithm -> its best setting, and the exact returns (seeds,) of each of its settings on both data sets."""
    oracle = Oracle(MAZES["medium"])
    collected = {
        "near-expert": explore(near_expert(oracle, 0.1, seeds=[COLLECTION_SEED]), oracle.maze, 1_000, False)[0],
        "lazy": explore(lazy(oracle, seeds=[COLLECTION_SEED]), oracle.maze, 2_000, False)[0],
    }
    never, best = -oracle.maze.horizon, oracle.optimal_return
    found = {}
    for kind, settings in GRIDS.items():
        rates = {"learning_rate": LEARNING_RATE} | ({"actor_learning_rate": LEARNING_RATE} if kind is AWAC else {})
        tried = []
        for setting in settings:
            returns = {}
            for name, data in collected.items():
                agent = kind(seeds=SEEDS, **rates, **setting)
                returns[name] = train_offline(agent, data, UPDATES, oracle, 1, progress=False).returns[-1].tolist()
            score = np.mean([100 * (np.array(each) - never) / (best - never) for each in returns.values()])
            tried.append({"setting": setting, "score": round(float(score), 2), "returns": returns})
            print(f"{kind.__name__} {setting}: score {score:.1f}", flush=True)
        found[kind.__name__] = {"best": max(tried, key=lambda row: row["score"])["setting"], "tried": tried}
    return found


if __name__ == "__main__":
    use_one_thread()
    write_json(RESULTS / "search.json", search())
