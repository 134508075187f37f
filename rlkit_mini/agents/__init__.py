"""The agents, one file an algorithm: its paper's equations as functions, then the agent that uses them."""

from rlkit_mini.agents.awac import AWAC
from rlkit_mini.agents.bc import BC
from rlkit_mini.agents.cql import CQL
from rlkit_mini.agents.dqn import DQN
from rlkit_mini.agents.guides import RandomAgent
from rlkit_mini.agents.iql import IQL
from rlkit_mini.agents.rnd import RND

__all__ = ["AWAC", "BC", "CQL", "DQN", "IQL", "RND", "RandomAgent"]
