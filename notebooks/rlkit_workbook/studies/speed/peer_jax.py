"""DQN, CQL, AWAC and IQL in JAX, run by the Python of an environment that has it: `peer_jax.py DATA --agent DQN`.

As a practised user of JAX would write them: one member's update as a function, `vmap` over members, `lax.scan` over
updates, one `jit` around everything. Networks, settings and Adam are those of `rlkit_mini`'s agents.

DATA is an .npz with `observations, actions, rewards, next_observations, terminations`. Printed are the seconds of the
training, compiling included.
"""

import argparse
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

DISCOUNT, BATCH, TARGET_PERIOD, ALPHA, MAX_WEIGHT = 0.95, 64, 50, 0.1, 100.0
SIZES, ACTIONS = (64, 64, 64), 5  # Fourier features, hidden layers; actions
RATES = {"DQN": (1e-3, 0, 0), "CQL": (1e-3, 0, 0), "AWAC": (1e-3, 0, 3e-4), "IQL": (3e-4, 3e-4, 3e-4)}  # Q, V, actor


def new_network(key, outputs):
    keys = jax.random.split(key, 2 * len(SIZES) + 1)
    layers = []
    for number, (n_in, n_out) in enumerate(zip(SIZES, (*SIZES[1:], outputs), strict=True)):
        uniform = functools.partial(jax.random.uniform, minval=-(n_in**-0.5), maxval=n_in**-0.5)
        layers.append((uniform(keys[2 * number], (n_in, n_out)), uniform(keys[2 * number + 1], (n_out,))))
    return 2 * jnp.pi * jax.random.normal(keys[-1], (2, SIZES[0] // 2)), layers


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


def update(agent, learner, batch, step):
    """One update of one member: its learner is each network with the moments of Adam, and the target network."""
    observations, actions, rewards, next_observations, terminations = batch
    q_rate, v_rate, actor_rate = RATES[agent]
    if agent == "IQL":
        data_values = of_action(apply(learner["target"], observations), actions)

        def value_loss(value):
            difference = data_values - apply(value, observations)[:, 0]
            return jnp.mean(jnp.where(difference < 0, 0.1, 0.9) * difference**2)

        learner = descend(learner, "value", value_loss, v_rate, step)
        next_values = apply(learner["value"][0], next_observations)[:, 0]
    elif agent == "AWAC":
        probabilities = jax.nn.softmax(apply(learner["actor"][0], next_observations))
        next_values = jnp.sum(probabilities * apply(learner["target"], next_observations), axis=-1)
    else:
        best = jnp.argmax(apply(learner["critic"][0], next_observations), axis=-1)
        next_values = of_action(apply(learner["target"], next_observations), best)
    targets = rewards + DISCOUNT * (1 - terminations) * next_values

    def critic_loss(critic):
        q_values = apply(critic, observations)
        losses = (of_action(q_values, actions) - targets) ** 2
        if agent == "CQL":
            losses += ALPHA * (jax.nn.logsumexp(q_values, axis=-1) - of_action(q_values, actions))
        return jnp.mean(losses)

    learner = descend(learner, "critic", critic_loss, q_rate, step)
    if agent in ("AWAC", "IQL"):
        if agent == "IQL":
            advantages = (data_values - apply(learner["value"][0], observations)[:, 0]) / 0.1
        else:
            q_values = apply(learner["critic"][0], observations)
            probabilities = jax.nn.softmax(apply(learner["actor"][0], observations))
            advantages = (of_action(q_values, actions) - jnp.sum(probabilities * q_values, axis=-1)) / 0.3
        weights = jnp.minimum(jnp.exp(advantages), MAX_WEIGHT)

        def actor_loss(actor):
            return -jnp.mean(weights * of_action(jax.nn.log_softmax(apply(actor, observations)), actions))

        learner = descend(learner, "actor", actor_loss, actor_rate, step)
    newest = learner["critic"][0]
    target = jax.lax.cond(step % TARGET_PERIOD == 0, lambda: newest, lambda: learner["target"])
    return learner | {"target": target}


@functools.partial(jax.jit, static_argnums=(0, 3))
def train(agent, seeds, data, updates):
    """All members' networks after their updates."""

    def new_learner(seed):
        keys = jax.random.split(jax.random.key(seed), 3)
        learner = {}
        for name, key, rate in zip(("critic", "value", "actor"), keys, RATES[agent], strict=True):
            if rate:
                network = new_network(key, 1 if name == "value" else ACTIONS)
                zeros = jax.tree.map(jnp.zeros_like, network)
                learner[name] = (network, zeros, zeros)
        return learner | {"target": learner["critic"][0]}

    def all_members(learners, given):
        step, picks = given
        batches = [column[picks] for column in data]
        return jax.vmap(functools.partial(update, agent), (0, 0, None))(learners, batches, step), None

    learners = jax.vmap(new_learner)(seeds)
    picks = jax.random.randint(jax.random.key(len(seeds)), (updates, len(seeds), BATCH), 0, len(data[0]))
    return jax.lax.scan(all_members, learners, (jnp.arange(1, updates + 1), picks))[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--agent", choices=RATES, required=True)
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--updates", type=int, default=4000)
    options = parser.parse_args()
    stored = np.load(options.data)
    names = ("observations", "actions", "rewards", "next_observations", "terminations")
    data = [jnp.asarray(stored[name], jnp.int32 if name == "actions" else jnp.float32) for name in names]
    began = time.perf_counter()
    jax.block_until_ready(train(options.agent, jnp.arange(options.members), data, options.updates))
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
