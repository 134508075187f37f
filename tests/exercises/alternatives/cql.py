"""Other right formulations of the exercises on CQL, written from the equations alone."""

import torch
from helpers import alternative


@alternative("cql_penalty")
def cql_penalty_in_float64(q_values, actions, temperature=1.0):
    q = q_values.double()
    data = (q * torch.eye(q.shape[-1])[actions]).sum(-1)
    return temperature * (q / temperature).exp().sum(-1).log() - data


@alternative("cql_penalty")
def cql_penalty_by_log_softmax(q_values, actions, temperature):
    chosen = actions[..., None]
    return -temperature * torch.log_softmax(q_values / temperature, -1).gather(-1, chosen)[..., 0]


@alternative("penalty_gradient")
def penalty_gradient_by_autograd(q_values, actions, temperature=1.0):
    q = q_values.clone().requires_grad_()
    cql_penalty_by_log_softmax(q, actions, temperature).sum().backward()
    return q.grad


@alternative("penalty_gradient")
def penalty_gradient_by_a_shifted_softmax(q_values, actions, temperature=1.0):
    e = torch.exp((q_values - q_values.max(-1, keepdim=True).values) / temperature)
    return e / e.sum(-1, keepdim=True) - (torch.arange(q_values.shape[-1]) == actions.unsqueeze(-1)).float()


@alternative("cql_penalty")
def cql_penalty_by_hand(q_values, actions, temperature):
    top = q_values.amax(-1, keepdim=True)
    soft = top[..., 0] + temperature * torch.exp((q_values - top) / temperature).sum(-1).log()
    return soft - torch.take_along_dim(q_values, actions.unsqueeze(-1), -1).squeeze(-1)


@alternative("cql_penalty")
def cql_penalty_by_cross_entropy(q_values, actions, temperature):
    rows, chosen = q_values.reshape(-1, q_values.shape[-1]) / temperature, actions.reshape(-1)
    return temperature * torch.nn.functional.cross_entropy(rows, chosen, reduction="none").reshape(actions.shape)


@alternative("cql_penalty")
def cql_penalty_by_differences(q_values, actions, temperature):
    beside = q_values - q_values.gather(-1, actions[..., None])
    return temperature * torch.logsumexp(beside / temperature, dim=-1)


@alternative("penalty_gradient")
def penalty_gradient_by_subtracting_in_place(q_values, actions, temperature):
    push = torch.softmax(q_values / temperature, dim=-1)
    return push.scatter_add(-1, actions[..., None], -torch.ones_like(push[..., :1]))


@alternative("penalty_gradient")
def penalty_gradient_by_functional_autograd(q_values, actions, temperature):
    def total(q):
        return cql_penalty_by_differences(q, actions, temperature).sum()

    return torch.func.grad(total)(q_values)


@alternative("penalty_gradient")
def penalty_gradient_by_indices(q_values, actions, temperature):
    push = torch.softmax(q_values / temperature, dim=-1).clone()
    flat = push.view(-1, push.shape[-1])
    flat[torch.arange(len(flat)), actions.reshape(-1)] -= 1
    return push
