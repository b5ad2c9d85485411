"""The actions of rows: what the code writes, the document tells, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from controlplane.domain.action import Action

ROOT = Path(__file__).parents[2]
SHAPE = re.compile(r"[a-z_]+:[a-z_]+")


def nodes_of_the_services() -> Iterator[ast.AST]:
    for path in sorted((ROOT / "controlplane" / "service").glob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def test_each_action_is_written_by_some_service() -> None:
    written = {
        node.attr
        for node in nodes_of_the_services()
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == Action.__name__
    }
    assert written == set(Action.__members__)


def test_none_is_spelled_out() -> None:
    texts = {
        node.value
        for node in nodes_of_the_services()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not {text for text in texts if SHAPE.fullmatch(text)}


def test_the_document_tells_each_once_and_no_other() -> None:
    text = (ROOT / "docs" / "audit.md").read_text()
    told = re.findall(r"^\| `([a-z_]+:[a-z_]+)` \| ", text, re.MULTILINE)
    assert told == list(Action)


def test_an_action_is_a_subject_and_a_verb() -> None:
    assert all(SHAPE.fullmatch(action) for action in Action)
    assert Action.SIGNER_DISABLE.verb == "disable"
