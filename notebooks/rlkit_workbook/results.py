"""The committed results, in `figures/`."""

from __future__ import annotations

import json

from rlkit_mini.files import ROOT

RESULTS = ROOT / "figures"
STANDALONE = ROOT / "notebooks" / "standalone"


def read_results(name: str):
    """A committed result, such as `figures/faults.json` by the name "faults"."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
