"""Hand-ins for the tests of grading: notebooks of cells, and the exercises of notebook 02."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

IMPORTS = "import torch\nfrom rlkit_workbook import exercise, hint, quiz, show_solution, start\nstart('02')"
NOVELTY = "@exercise\ndef novelty_bonus(predicted, target):\n    "
TARGET = "@exercise\ndef td_target(rewards, terminations, next_values, discount):\n    "
EPSILON = "@exercise\ndef epsilon_greedy(q_values, epsilon):\n    "
ANSWER = "return rewards + discount * (1 - terminations) * next_values"
RIGHT = (
    NOVELTY + "return torch.square(predicted - target).sum(-1)",
    TARGET + ANSWER,
    EPSILON + "best = torch.nn.functional.one_hot(q_values.argmax(-1), q_values.shape[-1])\n    "
    "epsilon = torch.as_tensor(epsilon)\n    "
    "return epsilon / q_values.shape[-1] + (1 - epsilon) * best",
)
OPEN = (NOVELTY + '"""One a transition."""\n    ...', TARGET + "...", EPSILON + "...")
NO_MASK = TARGET + "return rewards + discount * next_values"


def notebook(path, *cells):
    """A notebook with these code cells, each under a heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    both = [cell for source in cells for cell in (new_markdown_cell("# Heading"), new_code_cell(source))]
    nbformat.write(new_notebook(cells=both), path)
    return path
