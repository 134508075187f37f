"""Pointmass: the dynamics, written once for many points, and the Gymnasium environments made of them.

A point takes one of five actions. Its displacement is the action's vector plus 0.5 x standard normal noise on each
axis. The displacement is applied in 10 substeps; in each, first x then y moves by a tenth of it, and a move whose end
lies outside the closed box or in a wall cell is not made. Each step costs 1; the step that ends nearer than
`goal_radius` to the goal costs nothing and terminates the episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import ArrayLike

from rlkit_mini.mazes import MAZES, Maze
from rlkit_mini.names import check_count, plain
from rlkit_mini.streams import Streams

ACTIONS = np.array([[0, 0], [0, -1], [0, 1], [-1, 0], [1, 0]], dtype=np.float64)
ACTION_NAMES = ("stay", "down", "up", "left", "right")
NOISE_SCALE = 0.5
SUBSTEPS = 10
PIXELS = 16  # of a picture, per cell


def displace(maze: Maze, positions: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Where points at `positions` (n, 2) end after `displacements` (n, 2), both in cells: a new array (n, 2)."""
    width, height = maze.shape
    blocked = np.pad(maze.walls, 1, constant_values=True).ravel()  # a ring of wall answers for all that is outside
    stride = height + 2

    def column(position, size):
        cell = np.floor(position)
        cell -= position == size  # the far border belongs to the last cell
        return np.clip(cell, -1, size).astype(np.intp) + 1

    x, y = np.array(positions, dtype=np.float64).T
    step_x, step_y = np.asarray(displacements, dtype=np.float64).T / SUBSTEPS
    column_x, column_y = column(x, width) * stride, column(y, height)
    for _ in range(SUBSTEPS):
        moved = x + step_x
        column_moved = column(moved, width) * stride
        stop = blocked[column_moved + column_y]
        x, column_x = np.where(stop, x, moved), np.where(stop, column_x, column_moved)
        moved = y + step_y
        column_moved = column(moved, height)
        stop = blocked[column_x + column_moved]
        y, column_y = np.where(stop, y, moved), np.where(stop, column_y, column_moved)
    return np.stack([x, y], axis=-1)


def at_goal(maze: Maze, positions: np.ndarray) -> np.ndarray:
    """Whether positions (..., 2) are strictly nearer than `goal_radius` to the goal: (...,) bool."""
    offset = positions - np.array(maze.goal)
    return np.hypot(offset[..., 0], offset[..., 1]) < maze.goal_radius


def transition(
    maze: Maze, positions: np.ndarray, actions: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of n points: positions (n, 2), actions (n,) integers, standard normal noise (n, 2).

    Returns:
        next positions (n, 2), rewards (n,), terminations (n,).
    """
    next_positions = displace(maze, positions, ACTIONS[actions] + NOISE_SCALE * noise)
    terminations = at_goal(maze, next_positions)
    return next_positions, np.where(terminations, 0.0, -1.0), terminations


def sample_actions(probabilities: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """Actions (...,) from probabilities (..., actions) and one uniform number in [0, 1) each, by the inverse CDF."""
    cumulative = np.cumsum(probabilities, axis=-1, dtype=np.float64)
    return (uniforms[..., None] * cumulative[..., -1:] >= cumulative).sum(axis=-1)


def check_distribution(probabilities: Any) -> None:
    """Raise a ValueError where an array's or a tensor's last axis, the actions, is no distribution, up to rounding."""
    if not ((probabilities >= 0).all() and (abs(probabilities.sum(-1) - 1) <= 1e-2).all()):
        raise ValueError("policy is no distribution; expected probabilities >= 0 that sum to 1 over the actions")


def draw(maze: Maze, position: tuple[float, float]) -> np.ndarray:
    """An RGB picture (height, width, 3) uint8 of the maze, its goal and a point, y up."""
    width, height = maze.shape
    ticks = [(np.arange(size * PIXELS) + 0.5) / PIXELS for size in (width, height)]
    places = np.stack(np.meshgrid(*ticks, indexing="ij"), axis=-1)
    picture = np.full((*places.shape[:2], 3), 255, dtype=np.uint8)
    picture[at_goal(maze, places)] = (160, 220, 190)
    picture[maze.walls.repeat(PIXELS, 0).repeat(PIXELS, 1)] = (70, 70, 80)
    picture[np.hypot(*(places - np.array(position)).transpose(2, 0, 1)) < 0.3] = (213, 94, 0)
    return picture.transpose(1, 0, 2)[::-1].copy()


def _checked_seed(seed, options) -> int | None:
    found = plain(seed)
    if not (found is None or (isinstance(found, int) and found >= 0)):
        raise ValueError(f"seed is {seed!r}; expected an integer of at least 0, or None")
    if options:
        raise ValueError(f"options are {sorted(options)}; expected none, a maze has one start")
    return found


def _known_render_mode(render_mode: str | None) -> str | None:
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode is {render_mode!r}; expected None or 'rgb_array'")
    return render_mode


class PointmassEnv(gym.Env):
    """One point in a maze (see the module's docstring; the time limit is Gymnasium's `TimeLimit`).

    Observation: position over map shape, `Box(0, 1, (2,), float32)`. Actions: 0 stay, 1 y-1, 2 y+1, 3 x-1, 4 x+1.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, maze: str = "medium", render_mode: str | None = None) -> None:
        self.maze = MAZES[maze]
        self.observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(len(ACTIONS))
        self.render_mode = _known_render_mode(render_mode)
        self.position = np.array([self.maze.start], dtype=np.float64)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """Back to the start: its observation (2,), and nothing else to say.

        Raises:
            ValueError: a seed below 0, or any options.
        """
        super().reset(seed=_checked_seed(seed, options))
        self.position = np.array([self.maze.start], dtype=np.float64)
        return self.maze.observe(self.position)[0], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Observation (2,), reward, termination; the truncation is Gymnasium's `TimeLimit`'s.

        Raises:
            ValueError: there is no such action.
        """
        if not self.action_space.contains(action):
            given = " ".join(repr(action).split())  # a large array's repr has several lines
            raise ValueError(f"action is {given}; expected an integer from 0 to {len(ACTIONS) - 1}")
        noise = self.np_random.standard_normal((1, 2))
        self.position, rewards, terminations = transition(self.maze, self.position, np.array([int(action)]), noise)
        return self.maze.observe(self.position)[0], float(rewards[0]), bool(terminations[0]), False, {}

    def render(self) -> np.ndarray | None:
        """A picture (height, width, 3) uint8, where `render_mode` asks for one."""
        if self.render_mode == "rgb_array":
            return draw(self.maze, self.position[0])


class PointmassVectorEnv(gym.vector.VectorEnv):
    """`num_envs` points in one maze, moved together; truncates after `max_episode_steps` (None: the maze's horizon).

    `autoreset_mode` is Gymnasium's NEXT_STEP (the step after an episode's end ignores its action and returns the reset
    observation with reward 0) or SAME_STEP (the episode's last observation is in `info["final_obs"]`).

    Raises:
        ValueError: fewer than one copy or step, or another mode.
    """

    def __init__(
        self,
        num_envs: int = 1,
        maze: Maze | str = "medium",
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        num_envs = check_count("num_envs", num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode == AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode is DISABLED; expected NEXT_STEP or SAME_STEP")
        self.metadata = PointmassEnv.metadata | {"autoreset_mode": self.autoreset_mode}
        self.num_envs, self.render_mode = num_envs, _known_render_mode(render_mode)
        self.maze = maze if isinstance(maze, Maze) else MAZES[maze]
        steps = self.maze.horizon if max_episode_steps is None else max_episode_steps
        self.max_episode_steps = check_count("max_episode_steps", steps)
        self.single_observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
        self.single_action_space = gym.spaces.Discrete(len(ACTIONS))
        self.observation_space = gym.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, num_envs)
        self._streams: Streams | None = None
        self._begin()

    def _begin(self) -> None:
        self.positions = np.tile(np.array(self.maze.start, dtype=np.float64), (self.num_envs, 1))
        self.elapsed = np.zeros(self.num_envs, dtype=int)
        self.ended = np.zeros(self.num_envs, dtype=bool)

    def reset(self, *, seed: int | Sequence[int] | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """All copies back to the start: their observations (num_envs, 2), and nothing else to say.

        Args:
            seed: of a generator that all draw their noise from; or one for each copy, whose noise is then the same
                whoever else is there. None goes on.

        Raises:
            ValueError: a seed below 0, another number of seeds than of copies, or any options.
        """
        seed = plain(seed)
        each = np.ndim(seed) > 0
        if each and (len(seed) != self.num_envs or None in seed):
            raise ValueError(f"seed is {seed!r}; expected one seed, or one for each of the {self.num_envs} copies")
        for one in seed if each else [seed]:
            _checked_seed(one, options)
        if each:
            self._streams = Streams(seed, "environment", "standard_normal")
        elif seed is not None:
            self._streams = None
            super().reset(seed=seed)
        self._begin()
        return self.maze.observe(self.positions), {}

    def step(self, actions: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Observations (num_envs, 2), rewards, terminations, truncations (num_envs,), and what Gymnasium has of ends.

        Raises:
            ValueError: another number of actions than of copies, or one outside 0 to 4.
        """
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(f"actions are {actions.dtype} of shape {actions.shape}; expected {self.num_envs} integers")
        if actions.min() < 0 or actions.max() >= len(ACTIONS):
            given = f"from {actions.min()} to {actions.max()}"
            raise ValueError(f"actions are {given}; expected integers from 0 to {len(ACTIONS) - 1}")
        noise = self._streams.draw(2) if self._streams else self.np_random.standard_normal((self.num_envs, 2))
        positions, rewards, terminations = transition(self.maze, self.positions, actions.astype(int), noise)
        self.elapsed += 1
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:  # those that had ended only go back to the start now
            positions[self.ended], self.elapsed[self.ended] = self.maze.start, 0
            rewards[self.ended], terminations[self.ended] = 0.0, False
        truncations = self.elapsed >= self.max_episode_steps
        self.ended = terminations | truncations
        info = {}
        if self.autoreset_mode == AutoresetMode.SAME_STEP and self.ended.any():
            final = np.full(self.num_envs, None, dtype=object)
            for i in np.flatnonzero(self.ended):
                final[i] = self.maze.observe(positions[i])
            mask = self.ended.copy()
            info = {"final_obs": final, "_final_obs": mask, "final_info": {}, "_final_info": mask}
            positions[self.ended], self.elapsed[self.ended] = self.maze.start, 0
        self.positions = positions
        return self.maze.observe(positions), rewards, terminations, truncations, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """A picture (height, width, 3) uint8 of each copy, where `render_mode` asks for them."""
        if self.render_mode == "rgb_array":
            return tuple(draw(self.maze, position) for position in self.positions)


for _maze in MAZES.values():
    gym.register(
        _maze.env_id,
        entry_point="rlkit_mini.pointmass:PointmassEnv",
        vector_entry_point="rlkit_mini.pointmass:PointmassVectorEnv",
        max_episode_steps=_maze.horizon,
        kwargs={"maze": _maze.name},
    )
