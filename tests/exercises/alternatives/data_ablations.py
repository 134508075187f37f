"""Other right formulations of the exercises on data ablations, written from the definitions alone."""

import numpy as np
import torch
from helpers import alternative


@alternative("expected_share")
def expected_share_by_a_loop(probabilities, steps):
    missed = np.ones_like(probabilities)
    for _ in range(steps):
        missed = missed * (1 - probabilities)
    return 1 - missed.sum(axis=-1) / probabilities.shape[-1]


@alternative("expected_share")
def expected_share_in_logarithms(probabilities, steps):
    return -np.mean(np.expm1(steps * np.log1p(-probabilities)), axis=-1)


@alternative("two_knobs")
def two_knobs_by_cases(on_path, anywhere, optimal, random_places, random_actions):
    joint = np.zeros(optimal.shape)
    for place, place_share in ((on_path, 1 - random_places), (anywhere, random_places)):
        for action, action_share in (
            (optimal, 1 - random_actions),
            (np.full(joint.shape, 1 / len(joint.T)), random_actions),
        ):
            joint += place_share * action_share * place[:, None] * action
    return joint


@alternative("two_knobs")
def two_knobs_in_torch(on_path, anywhere, optimal, random_places, random_actions):
    on_path, anywhere, optimal = (torch.as_tensor(given) for given in (on_path, anywhere, optimal))
    places = torch.lerp(on_path, anywhere, float(random_places))
    uniform = torch.full_like(optimal, 1 / optimal.shape[1])
    return torch.einsum("s,sa->sa", places, torch.lerp(optimal, uniform, float(random_actions)))


@alternative("expected_share")
def expected_share_by_the_missed(probabilities, steps):
    return 1 - np.mean(np.power(1 - probabilities, steps), axis=-1)


@alternative("expected_share")
def expected_share_in_torch(probabilities, steps):
    return (1 - (1 - torch.as_tensor(probabilities)).pow(steps)).mean(-1)


@alternative("two_knobs")
def two_knobs_by_an_outer_product(on_path, anywhere, optimal, random_places, random_actions):
    places = on_path + random_places * (anywhere - on_path)
    return np.diag(places) @ (optimal + random_actions * (1 / optimal.shape[1] - optimal))


@alternative("two_knobs")
def two_knobs_by_a_loop(on_path, anywhere, optimal, random_places, random_actions):
    places, actions = optimal.shape
    return [
        [
            ((1 - random_places) * on_path[s] + random_places * anywhere[s])
            * ((1 - random_actions) * optimal[s, a] + random_actions / actions)
            for a in range(actions)
        ]
        for s in range(places)
    ]
