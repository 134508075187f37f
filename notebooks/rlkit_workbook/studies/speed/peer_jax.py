"""DQN, CQL, AWAC and IQL in JAX: `python peer_jax.py DATA AGENT SETTINGS MEMBERS UPDATES`, where there is JAX.

As a practised user of JAX would write them: one member's update as a function, `vmap` over members, `lax.scan` over
updates, one `jit` around everything. SETTINGS are those of `rlkit_mini`'s agent, as JSON.

DATA is an .npz with `observations, actions, rewards, next_observations, terminations`. Printed are the seconds of the
training, compiling included.
"""

import functools
import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

FEATURES, ACTIONS = 64, 5
NETWORKS = {"DQN": ("critic",), "CQL": ("critic",), "AWAC": ("critic", "actor"), "IQL": ("critic", "value", "actor")}


def new_network(key, hidden, outputs):
    keys = jax.random.split(key, 2 * len(hidden) + 3)
    layers = []
    for number, (n_in, n_out) in enumerate(zip((FEATURES, *hidden), (*hidden, outputs), strict=True)):
        uniform = functools.partial(jax.random.uniform, minval=-(n_in**-0.5), maxval=n_in**-0.5)
        layers.append((uniform(keys[2 * number], (n_in, n_out)), uniform(keys[2 * number + 1], (n_out,))))
    return 2 * jnp.pi * jax.random.normal(keys[-1], (2, FEATURES // 2)), layers


def apply(network, observations):
    frequencies, layers = network
    phases = observations @ jax.lax.stop_gradient(frequencies)
    hidden = jnp.concatenate([jnp.sin(phases), jnp.cos(phases)], axis=-1)
    for weight, bias in layers[:-1]:
        hidden = jax.nn.relu(hidden @ weight + bias)
    return hidden @ layers[-1][0] + layers[-1][1]


def of_action(values, actions):
    return jnp.take_along_axis(values, actions[:, None], axis=-1)[:, 0]


def descend(learner, name, loss, rate, step):
    """One step of Adam on one network; the learner after it."""
    network, mean, square = learner[name]
    gradient = jax.grad(loss)(network)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, square, gradient)
    size, scale = rate / (1 - 0.9**step), jnp.sqrt(1 - 0.999**step)
    network = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) / scale + 1e-8), network, mean, square)
    return learner | {name: (network, mean, square)}


def update(agent, settings, learner, batch, step):
    """One update of one member: its learner is each network with the moments of Adam, and the target network."""
    observations, actions, rewards, next_observations, terminations = batch
    rate = settings["learning_rate"]
    if agent == "IQL":
        data_values = of_action(apply(learner["target"], observations), actions)

        def value_loss(value):
            difference = data_values - apply(value, observations)[:, 0]
            tau = settings["expectile"]
            return jnp.mean(jnp.where(difference < 0, 1 - tau, tau) * difference**2)

        learner = descend(learner, "value", value_loss, rate, step)
        next_values = apply(learner["value"][0], next_observations)[:, 0]
    elif agent == "AWAC":
        probabilities = jax.nn.softmax(apply(learner["actor"][0], next_observations))
        next_values = jnp.sum(probabilities * apply(learner["target"], next_observations), axis=-1)
    else:
        best = jnp.argmax(apply(learner["critic"][0], next_observations), axis=-1)
        next_values = of_action(apply(learner["target"], next_observations), best)
    targets = rewards + settings["discount"] * (1 - terminations) * next_values

    def critic_loss(critic):
        q_values = apply(critic, observations)
        losses = (of_action(q_values, actions) - targets) ** 2
        if agent == "CQL":
            losses += settings["alpha"] * (jax.nn.logsumexp(q_values, axis=-1) - of_action(q_values, actions))
        return jnp.mean(losses)

    learner = descend(learner, "critic", critic_loss, rate, step)
    if "actor" in learner:
        if agent == "IQL":
            advantages = data_values - apply(learner["value"][0], observations)[:, 0]
        else:
            q_values = apply(learner["critic"][0], observations)
            probabilities = jax.nn.softmax(apply(learner["actor"][0], observations))
            advantages = of_action(q_values, actions) - jnp.sum(probabilities * q_values, axis=-1)
        weights = jnp.minimum(jnp.exp(advantages / settings["temperature"]), settings["max_weight"])

        def actor_loss(actor):
            return -jnp.mean(weights * of_action(jax.nn.log_softmax(apply(actor, observations)), actions))

        learner = descend(learner, "actor", actor_loss, rate, step)
    newest = learner["critic"][0]
    target = jax.lax.cond(step % settings["target_period"] == 0, lambda: newest, lambda: learner["target"])
    return learner | {"target": target}


def train(agent, settings, updates, seeds, data):
    """All members' learners after their updates."""

    def new_learner(seed):
        learner = {}
        for name, key in zip(NETWORKS[agent], jax.random.split(jax.random.key(seed), 3), strict=False):
            network = new_network(key, settings["hidden"], 1 if name == "value" else ACTIONS)
            zeros = jax.tree.map(jnp.zeros_like, network)
            learner[name] = (network, zeros, zeros)
        return learner | {"target": learner["critic"][0]}

    def all_members(learners, given):
        step, picks = given
        batches = [column[picks] for column in data]
        return jax.vmap(functools.partial(update, agent, settings), (0, 0, None))(learners, batches, step), None

    learners = jax.vmap(new_learner)(seeds)
    shape = (updates, len(seeds), settings["batch_size"])
    picks = jax.random.randint(jax.random.key(len(seeds)), shape, 0, len(data[0]))
    return jax.lax.scan(all_members, learners, (jnp.arange(1, updates + 1), picks))[0]


def main(data, agent, settings, members, updates):
    stored = np.load(data)
    names = ("observations", "actions", "rewards", "next_observations", "terminations")
    columns = [jnp.asarray(stored[name], jnp.int32 if name == "actions" else jnp.float32) for name in names]
    began = time.perf_counter()
    compiled = jax.jit(functools.partial(train, agent, json.loads(settings), int(updates)))
    jax.block_until_ready(compiled(jnp.arange(int(members)), columns))
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
