"""The benchmark's peer, run by the Python of an environment that has d3rlpy: `bench_peer.py TRANSITIONS SETTINGS`.

It trains as many updates as a line of its input says, and answers with a line: its greedy actions (JSON).
d3rlpy is given the steps themselves, since its reader of Minari data sets may shift observations against actions. An
episode that was cut off loses its last transition there, and the squared error is Huber's.
"""

import json
import logging
import sys

import d3rlpy
import numpy as np
import structlog
from d3rlpy.logging import NoopAdapterFactory


def make_agent(settings: dict):
    """Double DQN, or with an alpha discrete CQL."""
    shared = {
        "learning_rate": settings["learning_rate"],
        "batch_size": settings["batch_size"],
        "gamma": settings["discount"],
        "target_update_interval": settings["target_period"],
        "encoder_factory": d3rlpy.models.VectorEncoderFactory(settings["hidden"], settings["activation"]),
    }
    if settings["alpha"] is None:
        return d3rlpy.algos.DoubleDQNConfig(**shared).create(device=False)
    return d3rlpy.algos.DiscreteCQLConfig(alpha=settings["alpha"], **shared).create(device=False)


def main(transitions: str, settings: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    d3rlpy.seed(0)
    columns, answers = np.load(transitions), sys.stdout
    sys.stdout = sys.stderr  # for whatever the peer prints
    dataset = d3rlpy.dataset.MDPDataset(
        observations=columns["observations"],
        actions=columns["actions"],
        rewards=columns["rewards"],
        terminals=columns["terminations"].astype(np.float32),
        timeouts=columns["truncations"].astype(np.float32),
        action_space=d3rlpy.ActionSpace.DISCRETE,
        action_size=5,
    )
    agent = make_agent(json.loads(settings))
    agent.build_with_dataset(dataset)

    def answer() -> None:
        print(json.dumps(agent.predict(columns["places"]).tolist()), file=answers, flush=True)

    answer()
    for line in sys.stdin:
        agent.fit(
            dataset,
            n_steps=int(line),
            n_steps_per_epoch=int(line),
            show_progress=False,
            logger_adapter=NoopAdapterFactory(),
        )
        answer()


if __name__ == "__main__":
    main(*sys.argv[1:])
