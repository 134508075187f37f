"""Which statements of a notebook its exercises need, and what in its code is worth a remark.

A notebook is not run from top to bottom, which would train for minutes. What runs is each import, each statement that
hands something to `exercise`, and what gives or changes the names that these read; what those read; and so on.
"""

from __future__ import annotations

import ast
import dis
import importlib.util
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from IPython.core.inputtransformer2 import TransformerManager

from rlkit_workbook import __all__ as OFFERED
from rlkit_workbook.exercises import ITEMS

FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
PYTHON = ("time", "timeit", "capture", "prun")  # magics whose cell is Python
DEFINING = re.compile(r"get_ipython\(\)\.run_(line|cell)_magic\(.(run|writefile|file).,")
TEACHING = {f"{package}.{name}" for package in ("rlkit_workbook", "rlkit_workbook.exercises") for name in OFFERED}
FRAMES = {"_getframe", "currentframe", "f_back", "f_locals", "f_globals", "tb_frame", "get_objects", "get_referrers"}
SOLUTIONS = {"EXERCISES", "BUILDS", "ITEMS", "getsource"}
LOADS = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS")


@dataclass(frozen=True)
class Statement:
    """A statement on the top level of a cell.

    Attributes:
        number: its place in the cell.
        reads, gives: names, of globals; it gives those, too, that it changes.
        checked: it uses `exercise`.
    """

    cell: str
    number: int
    node: ast.stmt
    reads: frozenset[str]
    gives: frozenset[str]
    checked: bool


@dataclass(frozen=True)
class Reading:
    """What a notebook holds.

    Attributes:
        sources: cell -> its Python, without magics.
        needed: the statements to run, in order.
        aliases: what `exercise` is called in it.
        broken: exercise -> why its cell is no Python.
        remarks: on its code.
    """

    sources: dict[str, str]
    needed: list[Statement]
    aliases: set[str]
    broken: dict[str, str]
    remarks: list[str]

    def source(self, name: str, cell: str) -> str:
        """The last function or class of that name in a cell, else below or above it; empty where there is none."""
        for text in (self.sources[cell], *reversed(self.sources.values())):
            nodes = [node for node in ast.walk(_parsed(text)) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
            for node in reversed([node for node in nodes if node.name == name]):
                first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
                return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
        return ""


_turn = threading.Lock()


def _parsed(source: str, name: str = "<unknown>") -> ast.Module:
    """The tree of a source, one at a time: where two threads parse, Python 3.11 now and then raises a SystemError."""
    with _turn:
        return ast.parse(source, name)


def read(cells: dict[str, str]) -> Reading:
    """What the code cells hold: cell -> source, as they stand in the notebook."""
    sources, broken, nodes = {}, {}, []
    for cell, text in cells.items():
        try:
            source = _python(text)
            nodes += [
                (cell, number, node, compile(ast.Module([node], []), cell, "exec", FLAGS, dont_inherit=True))
                for number, node in enumerate(_parsed(source, cell).body)
            ]
            sources[cell] = source
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            for name in re.findall(r"^\s*@[\w.]+\s+(?:def|class)\s+(\w+)", text, flags=re.MULTILINE):
                if name in ITEMS:
                    broken[name] = f"{type(error).__name__}: {error}"
    aliases = _aliases([node for _, _, node, _ in nodes])
    modules = {name for _, _, node, _ in nodes for name in _imports(node)}
    last = {cell: number for cell, number, *_ in nodes}
    statements, stores = [], {}  # function -> the globals that it gives when it is called
    for cell, number, node, code in nodes:
        gives = _argvals(code, ("STORE_NAME", "STORE_GLOBAL")) | (_changed(node) - modules)
        if isinstance(node, ast.Expr):
            gives |= _changed(node) | ({"_"} if number == last[cell] else set())
        reads = frozenset(_argvals(code, LOADS))
        checked = bool(aliases & reads) or "exercise" in _argvals(code, ("LOAD_ATTR", "LOAD_METHOD"))
        if isinstance(node, ast.FunctionDef):
            stores[node.name] = _argvals(code, ("STORE_GLOBAL",))
        gives = gives.union(*(stores[name] for name in reads if name in stores))
        statements.append(Statement(cell, number, node, reads, frozenset(gives), checked))
    return Reading(sources, _needed(statements), aliases, broken, list(dict.fromkeys(_remarks(statements))))


def _python(text: str) -> str:
    """A cell as Python; a magic that runs its cell leaves an empty line."""
    while (magic := re.match(r"\s*%%(\w+)[^\n]*", text)) and magic[1] in PYTHON:
        text = "\n" * magic[0].count("\n") + text[magic.end() :]
    return TransformerManager().transform_cell(text)


def _argvals(code: CodeType, names: tuple[str, ...]) -> set[str]:
    found = {step.argval for step in dis.get_instructions(code) if step.opname in names}
    return found.union(*(_argvals(part, names) for part in code.co_consts if isinstance(part, CodeType)))


def _changed(node: ast.stmt) -> set[str]:
    """Names whose objects it may change: x of `x[0] = 1`, `x.y = 1`, and of the statement `x.append(1)`."""
    parts = list(ast.walk(node))
    stored = [p for p in parts if isinstance(p, ast.Attribute | ast.Subscript) and isinstance(p.ctx, ast.Store)]
    called = [p.value.func for p in parts if isinstance(p, ast.Expr) and isinstance(p.value, ast.Call)]
    roots = [_root(part) for part in (*stored, *called) if not isinstance(part, ast.Name)]
    return {root.id for root in roots if isinstance(root, ast.Name)}


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def _needed(statements: list[Statement]) -> list[Statement]:
    begin = [
        one
        for one in statements
        if one.checked or isinstance(one.node, ast.Import | ast.ImportFrom) or DEFINING.match(ast.unparse(one.node))
    ]
    return _with_what_they_need(begin, statements)


def _with_what_they_need(some: list[Statement], statements: list[Statement]) -> list[Statement]:
    """Some of the statements, those that give what these read, and so on; in order."""
    needed, wanted, before = set(some), {"sys", "os"}.union(*(one.reads for one in some)), -1
    while len(needed) > before:
        before = len(needed)
        needed |= {one for one in statements if wanted & one.gives}
        wanted = wanted.union(*(one.reads for one in needed))
    return [one for one in statements if one in needed]


def _aliases(nodes: list[ast.stmt]) -> set[str]:
    """What `exercise` is called: `from rlkit_workbook import exercise as ex`, `check = exercise`."""
    found = {"exercise"}
    for node in nodes:
        found |= {name for name, source in _imports(node).items() if source.endswith(".exercise")}
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in found:
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _imports(node: ast.stmt) -> dict[str, str]:
    """Name -> where it is imported from: "rlkit_mini.agents.dqn.td_target"."""
    found = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            source = f"{part.module}." if isinstance(part, ast.ImportFrom) else ""
            found |= {alias.asname or alias.name.partition(".")[0]: source + alias.name for alias in part.names}
    return found


# Remarks


def _remarks(statements: list[Statement]) -> Iterator[str]:
    for one in statements:
        for part in ast.walk(one.node):
            name = next((getattr(part, of) for of in ("attr", "id", "name") if hasattr(part, of)), None)
            if name in FRAMES:
                yield f"{one.cell} reads frames (`{name}`)"
            elif name in SOLUTIONS:
                yield f"{one.cell} names what the solutions are kept in (`{name}`)"
            elif one.checked and isinstance(part, ast.FunctionDef | ast.ClassDef) and name in ITEMS:
                yield from _borrowed(name, one, statements)


def _borrowed(name: str, one: Statement, statements: list[Statement]) -> Iterator[str]:
    """What of the course an exercise uses, itself or by functions above it, that could answer in its place."""
    used = _with_what_they_need([one], [other for other in statements if other is one or not other.checked])
    reads = {name for each in used for name in each.reads}
    for each in used:
        within = not isinstance(each.node, ast.Import | ast.ImportFrom)
        for alias, source in _imports(each.node).items():
            if (within or alias in reads) and _could_answer(source, name):
                yield f"{name}: imports {source}"
        texts = [part.value for part in ast.walk(each.node) if isinstance(part, ast.Constant)]
        for text in texts:
            if isinstance(text, str) and re.fullmatch(r"(rlkit_|standalone)[\w.]*", text):
                yield f"{name}: names {text}"


def _could_answer(source: str, name: str) -> bool:
    package, last = source.partition(".")[0], source.rpartition(".")[2]
    if package not in ("rlkit_mini", "rlkit_workbook", "standalone") or source in TEACHING:
        return False
    return package != "rlkit_mini" or last.lower() in name.lower() or _is_module(source)


def _is_module(source: str) -> bool:
    try:
        return importlib.util.find_spec(source) is not None
    except (ImportError, ValueError):
        return False
