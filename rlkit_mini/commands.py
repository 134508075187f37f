"""What the two command lines share: how a command is found, and how what went wrong is told."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import inspect
import io
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import tyro

from rlkit_mini.names import Catalogue


def answer(prog: str, commands: Mapping[str, Callable[..., None]], moved: Mapping[str, str]) -> None:
    """Run the command that this process was called with; what goes wrong is one line, and exit code 2.

    Args:
        prog: how the command line is called, such as "python -m rlkit_mini".
        commands: by name; their options are their parameters, as tyro reads them.
        moved: commands of another command line -> how that one is called.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a letter shows a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    word, *rest = sys.argv[1:] or ["--help"]
    try:
        if word in ("-h", "--help"):
            print(_overview(prog, commands))
        elif word == "--version":
            print(f"rlkit_mini {importlib.metadata.version('rlkit_mini')}")
        elif word in moved:
            raise ValueError(f"`{word}` is a command of another module: {moved[word]} {word}")
        else:
            _called(Catalogue("command", commands)[word], f"{prog} {word}", rest)()
    except (KeyError, ValueError, OSError, RuntimeError, MemoryError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("interrupted")


def _overview(prog: str, commands: Mapping[str, Callable[..., None]]) -> str:
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {inspect.getdoc(command).splitlines()[0]}" for name, command in commands.items()]
    return "\n".join(
        [f"usage: {prog} COMMAND ...", "", *lines, "", f"`{prog} COMMAND --help` tells a command's options."]
    )


def _called(command: Callable[..., None], prog: str, words: list[str]) -> Callable[[], None]:
    """The command with its options, not yet run.

    Raises:
        UnknownNameError, ValueError: a word is no option of it.
    """

    @functools.wraps(command)
    def bound(*arguments: Any, **options: Any) -> Callable[[], None]:
        return functools.partial(command, *arguments, **options)

    parse = functools.partial(tyro.cli, bound, prog=prog, config=(tyro.conf.FlagCreatePairsOff,))
    called, unknown = parse(args=words, return_unknown_args=True)
    if unknown and unknown[0].startswith("-"):
        with contextlib.redirect_stdout(io.StringIO()) as page, contextlib.suppress(SystemExit):
            parse(args=["--help"])
        Catalogue(f"option of `{prog}`:", dict.fromkeys(re.findall(r"--[\w-]+", page.getvalue())))[unknown[0]]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no option of `{prog}`; `{prog} --help` tells them")
    return called
