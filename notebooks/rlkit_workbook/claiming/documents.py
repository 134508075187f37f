"""What documents claim of the committed report."""

from __future__ import annotations

from rlkit_workbook.claiming import Claim
from rlkit_workbook.results import read_results

DOCUMENTS = {}  # file name -> what it claims: (claim, report) -> None


def document_claims(name: str) -> tuple[list[dict], list[str]]:
    """The claims that a document makes of `figures/report.json`, and what kept them from it."""
    claim = Claim()
    try:
        DOCUMENTS[name](claim, read_results("report"))
    except (KeyError, ValueError, IndexError, TypeError) as error:
        return claim.made, [f"its claims stopped: {type(error).__name__}: {error}"]
    return claim.made, []
