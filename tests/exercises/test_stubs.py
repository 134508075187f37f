"""Stubs in notebooks: what a learner fills in has the parameters of the reference, and says the same shapes."""

import ast
import inspect
import re
from pathlib import Path

import nbformat
import pytest

from rlkit_workbook.exercises import EXERCISES

SHAPE = re.compile(r"(?<!\w)\((?:\.{3}|\w+),(?: ?\w+,?)*\)")  # (n,), (..., actions); Q(s, a) is none


def _stubs():
    for path in sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "@exercise" in cell.source:
                yield from ((path.name[:2], node) for node in ast.parse(cell.source).body if _is_stub(node))


def _is_stub(node):
    return isinstance(node, ast.FunctionDef) and any(ast.unparse(mark) == "exercise" for mark in node.decorator_list)


STUBS = list(_stubs())


def test_every_exercise_has_one_stub_in_its_notebook():
    there = [(number, node.name) for number, node in STUBS if number != "00"]  # 00 borrows one to try
    assert sorted(there) == sorted((item.texts["notebook"], name) for name, item in EXERCISES.items())


@pytest.mark.parametrize(("number", "stub"), STUBS, ids=[f"{number} {node.name}" for number, node in STUBS])
def test_a_stub_has_the_parameters_and_the_shapes_of_the_reference(number, stub):
    item, text = EXERCISES[stub.name], ast.get_docstring(stub)
    assert ast.unparse(stub.args) == ", ".join(item.parameters)
    assert ast.unparse(stub.body[-1]) == "..."
    assert [name for name in item.parameters if not re.search(rf"\b{name}\b", text)] == []
    reference = re.sub(r"broadcasts against \S+", "", inspect.getdoc(item.reference))  # members' settings
    assert set(SHAPE.findall(reference)) <= set(SHAPE.findall(text))
