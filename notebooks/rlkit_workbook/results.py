"""What comes with the workbook beside its code: a checkout's committed results and one-agent programs."""

from __future__ import annotations

import json
from pathlib import Path

from rlkit_mini.files import own_folder

PACKAGE = Path(__file__).resolve().parent
RESULTS = own_folder(PACKAGE, "figures")
STANDALONE = own_folder(PACKAGE, "notebooks/standalone")


def read_results(name: str):
    """A committed result, such as `figures/faults.json` by the name "faults"."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
