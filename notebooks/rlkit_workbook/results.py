"""What comes with the workbook beside its code: texts, a checkout's committed results and one-agent programs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from rlkit_mini.files import own_folder

PACKAGE = Path(__file__).resolve().parent
RESULTS = own_folder(PACKAGE, "figures")
STANDALONE = own_folder(PACKAGE, "notebooks/standalone")


def read_results(name: str):
    """A committed result, such as `figures/faults.json` by the name "faults"."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def texts_beside(module: str, name: str) -> dict[str, Any]:
    """What stands in a TOML file beside a module, by its `__file__`."""
    return tomllib.loads(Path(module).with_name(name).read_text(encoding="utf-8"))
