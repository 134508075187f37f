"""Populations of networks against plain matrix products member by member, and Adam against torch's."""

import copy
import itertools

import numpy as np
import pytest
import torch

from rlkit_mini.agents.networks import Adam, FourierFeatures, PopulationMLP, observation_network

each_features = pytest.mark.parametrize("features", ["fourier", "raw"])


def plain_mlp(network, inputs, activation):
    """The members' networks one by one, in float64."""
    outputs = []
    for member, values in enumerate(inputs.double().numpy()):
        layers = [[p[member].detach().double().numpy() for p in layer] for layer in network.layers]
        for number, (weight, bias) in enumerate(layers):
            values = values @ weight.T + bias.T
            if number < len(layers) - 1:
                values = activation(values)
        outputs.append(values)
    return np.array(outputs)


ACTIVATIONS = {"tanh": np.tanh, "relu": lambda values: values.clip(0)}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(2, 5), (2, 64, 64, 5), (3, 7, 1)])
@pytest.mark.parametrize("initial", ["uniform", "normal"])
def test_a_population_is_a_loop_over_its_members(activation, sizes, initial):
    network = PopulationMLP(range(4), "critic", sizes, activation, initial)
    inputs = torch.from_numpy(np.random.default_rng(0).random((4, 11, sizes[0]), dtype=np.float32))
    outputs = network(inputs.clone())
    assert outputs.shape == (4, 11, sizes[-1])
    expected = plain_mlp(network, inputs, ACTIVATIONS[activation])
    np.testing.assert_allclose(outputs.detach(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_the_layers_one_by_one(activation):
    network = PopulationMLP(range(2), "critic", (3, 8, 5), activation)
    inputs = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 11, 3)).astype(np.float32))
    network(inputs).square().sum().backward()
    for member in range(2):
        (w0, b0), (w1, b1) = [[p[member].detach().clone().requires_grad_() for p in layer] for layer in network.layers]
        (getattr(torch, activation)(inputs[member] @ w0.T + b0.T) @ w1.T + b1.T).square().sum().backward()
        for (weight, bias), (w, b) in zip(network.layers, [(w0, b0), (w1, b1)], strict=True):
            torch.testing.assert_close(weight.grad[member], w.grad, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(bias.grad[member], b.grad, rtol=1e-4, atol=1e-5)


def test_fourier_features_are_sines_and_cosines_of_random_directions():
    encoder = FourierFeatures(range(3), "critic")
    observations = np.random.default_rng(0).random((3, 11, 2), dtype=np.float32)
    frequencies = encoder.frequencies.double().numpy()[:, :32]
    phases = np.einsum("mbi,mfi->mbf", observations.astype(float), frequencies)
    expected = np.concatenate([np.sin(phases), np.cos(phases)], axis=-1)
    np.testing.assert_allclose(encoder(torch.from_numpy(observations)), expected, atol=1e-4)
    frequencies = FourierFeatures(range(100), "critic").frequencies.double().numpy()[:, :32]
    assert frequencies.std() / (2 * np.pi) == pytest.approx(1.0, rel=0.05)


@each_features
def test_members_never_mix(features):
    network = observation_network(range(3), "critic", 5, (16, 16), features)
    inputs = torch.rand(3, 11, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    network(inputs)[1].square().sum().backward()
    for gradient in [inputs.grad, *(p.grad for p in network.parameters())]:
        assert gradient[1].abs().sum() > 0
        assert not gradient[[0, 2]].any()


@each_features
def test_different_seeds_share_no_initial_weight_and_equal_seeds_share_all(features):
    state = observation_network([4, 9, 4], "critic", 5, (16, 16), features).state_dict()
    for name, tensor in state.items():
        assert tensor[0].tolist() == tensor[2].tolist(), name
        assert not np.intersect1d(tensor[0], tensor[1]).size, name


def test_networks_of_different_purposes_and_layers_share_no_initial_weight():
    states = [observation_network([0], purpose, 5, (16, 16)).state_dict() for purpose in ("actor", "critic")]
    tensors = [tensor.numpy() for state in states for tensor in state.values()]
    for one, other in itertools.combinations(tensors, 2):
        assert np.intersect1d(one, other).size < 2  # of some hundred single-precision numbers two may meet by chance


def test_initial_weights_are_uniform_within_one_over_root_inputs_or_standard_normal():
    uniform, normal = (PopulationMLP([0], "critic", (100, 200, 5), initial=kind) for kind in ("uniform", "normal"))
    for weight, bias in uniform.layers:
        bound = weight.shape[2] ** -0.5
        assert 0.9 * bound < weight.max() <= bound
        assert -bound <= weight.min() < -0.9 * bound
        assert 0 < bias.abs().max() <= bound
    assert normal.layers[0][0].std().item() == pytest.approx(1, rel=0.02)
    assert not any(bias.any() for _, bias in normal.layers)


def test_a_network_learns_in_place():
    """What the layers use and what the optimiser and the state dict hold are the same tensors, after copies too."""
    network = observation_network([0, 1], "critic", 5, (16,))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert not network(torch.rand(2, 3, 2)).any()
    network.load_state_dict(observation_network([0, 1], "critic", 5, (16,)).state_dict())
    assert network(torch.rand(2, 3, 2)).all()


def test_adam_steps_as_torchs_does():
    network, inputs = observation_network([0, 1], "critic", 5, (16,)), torch.rand(2, 3, 2)
    twin = copy.deepcopy(network)
    ours, theirs = Adam(network.parameters(), 0.01), torch.optim.Adam(twin.parameters(), lr=0.01, fused=True)
    for _ in range(5):
        losses, expected = (either(inputs).square().mean(dim=(1, 2)) for either in (network, twin))
        returned = ours.minimise(losses)
        theirs.zero_grad()
        expected.sum().backward()
        theirs.step()
        assert returned.tolist() == expected.tolist()
        assert not returned.requires_grad
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_adam_takes_gradients_of_any_layout():
    """That of a bias before a sum is one number, expanded; torch's kernel would read past it."""
    network = PopulationMLP([0, 1], "critic", (2, 5))
    optimizer, before = Adam(network.parameters(), 0.01), network.layers[0][1].detach().clone()
    optimizer.minimise(network(torch.rand(2, 1, 2)).sum(dim=(1, 2)))
    torch.testing.assert_close(before - network.layers[0][1], torch.full_like(before, 0.01))


def test_unknown_features_are_refused():
    with pytest.raises(ValueError, match="features is 'fourrier'; expected 'fourier' or 'raw'"):
        observation_network([0], "critic", 5, features="fourrier")
