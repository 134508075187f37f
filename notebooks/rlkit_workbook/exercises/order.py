"""Cells that run out of order: a name that no cell has given yet is told in a sentence instead of a traceback."""

from __future__ import annotations

import difflib

from IPython import get_ipython


def _told(shell, kind, error, trace, tb_offset=None) -> None:
    while trace.tb_next:
        trace = trace.tb_next
    if trace.tb_frame.f_globals is not shell.user_ns or not error.name:  # within a library: a fault of another kind
        return shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    known = [name for name in shell.user_ns if not name.startswith("_")]
    close = difflib.get_close_matches(error.name, known, n=1, cutoff=0.8)
    hint = f"Did you mean `{close[0]}`? Or has" if close else "Has"
    words = f"`{error.name}` is not known here. {hint} a cell above not run yet? (Run > Run All Above Selected Cell)"
    shell._showtraceback(kind, error, [words])


if (shell := get_ipython()) is not None:
    shell.set_custom_exc((NameError,), _told)
