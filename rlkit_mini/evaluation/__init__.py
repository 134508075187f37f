"""What to measure: returns, coverage, beliefs beside the truth, estimates from data alone."""

from rlkit_mini.evaluation.choosing import fitted_q_evaluation, td_error
from rlkit_mini.evaluation.judging import Judgement, median_member
from rlkit_mini.evaluation.measures import (
    behaviour_policy,
    bootstrap_interval,
    coverage,
    coverage_curve,
    cumulative_regret,
    discounted_return,
    interquartile_mean,
    steps_to_go,
)
from rlkit_mini.evaluation.rollouts import Rollouts, rollout_returns
