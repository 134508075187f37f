"""BC, DQN and CQL in d3rlpy: `python peer_d3rlpy.py DATA AGENT SETTINGS SEEDS UPDATES OUT`, where there is d3rlpy.

SETTINGS are those of `rlkit_mini`'s agent, as JSON. DATA is an .npz with `observations, actions, rewards, terminations,
truncations`, the observations standardised already. OUT gets the layers of each seed's network before and after
training, `SEED before LAYER weight`, and `SEED loss`, its loss before on the data's first 64 steps with a tenth of
their rewards, so that no TD error exceeds 1.
"""

import json
import sys

import d3rlpy
import numpy as np
import torch
from d3rlpy.algos import DiscreteBCConfig, DiscreteCQLConfig, DoubleDQNConfig
from d3rlpy.dataset import MDPDataset
from d3rlpy.logging import NoopAdapterFactory
from d3rlpy.models import VectorEncoderFactory
from d3rlpy.torch_utility import TorchMiniBatch

FIRST = 64


def configured(agent, settings):
    """The same agent: alpha is half of ours, since the TD error has a half before it; BC without its regulariser."""
    shared = {
        "batch_size": settings["batch_size"],
        "learning_rate": settings["learning_rate"],
        "encoder_factory": VectorEncoderFactory(hidden_units=settings["hidden"], activation="tanh"),
    }
    if agent == "BC":
        return DiscreteBCConfig(**shared, beta=0.0)
    shared |= {"gamma": settings["discount"], "target_update_interval": settings["target_period"]}
    return DiscreteCQLConfig(**shared, alpha=settings["alpha"] / 2) if agent == "CQL" else DoubleDQNConfig(**shared)


def network(algorithm):
    modules = algorithm.impl.modules
    return modules.imitator if hasattr(modules, "imitator") else modules.q_funcs


def layers(algorithm):
    linear = [module for module in network(algorithm).modules() if isinstance(module, torch.nn.Linear)]
    return {
        f"{number} {kind}": getattr(layer, kind).detach().numpy().copy()
        for number, layer in enumerate(linear)
        for kind in ("weight", "bias")
    }


def first_loss(algorithm, columns):
    observations = torch.tensor(columns["observations"][: FIRST + 1])
    actions, rewards, ends = (
        torch.tensor(columns[name][:FIRST, None].astype(np.float32)) for name in ("actions", "rewards", "terminations")
    )
    batch = TorchMiniBatch(
        observations=observations[:-1],
        actions=actions,
        rewards=rewards / 10,
        next_observations=observations[1:],
        next_actions=actions,
        returns_to_go=rewards,
        terminals=ends,
        intervals=torch.ones_like(ends),
        device="cpu",
    )
    with torch.no_grad():
        if not hasattr(algorithm.impl, "compute_target"):
            return algorithm.impl.compute_loss(batch.observations, batch.actions.long()).loss.item()
        return algorithm.impl.compute_loss(batch, algorithm.impl.compute_target(batch)).loss.item()


def main(data, agent, settings, seeds, updates, out):
    columns, found = dict(np.load(data)), {}
    episodes = MDPDataset(
        *(columns[name] for name in ("observations", "actions", "rewards")),
        columns["terminations"],
        columns["truncations"],
    )
    for seed in range(int(seeds)):
        d3rlpy.seed(seed)
        algorithm = configured(agent, json.loads(settings)).create()
        algorithm.build_with_dataset(episodes)
        found |= {f"{seed} before {name}": value for name, value in layers(algorithm).items()}
        found[f"{seed} loss"] = first_loss(algorithm, columns)
        algorithm.fit(
            episodes,
            n_steps=int(updates),
            n_steps_per_epoch=int(updates),
            show_progress=False,
            logger_adapter=NoopAdapterFactory(),
            save_interval=2**31,
        )
        found |= {f"{seed} after {name}": value for name, value in layers(algorithm).items()}
    np.savez(out, **found)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
