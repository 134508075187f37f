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
