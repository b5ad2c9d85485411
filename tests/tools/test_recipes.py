"""docs/tools.md: its commands are those that the tests of the tools run."""

import re
from pathlib import Path

import pytest

from tests.tools.recipes import BLOCK, DOCUMENT, PREPARATION, WITH_LOGIN, recipe

HERE = Path(__file__).parent
FOREIGN = HERE.parent / "foreign"  # tools for which there is no package: make test-foreign
READERS = (FOREIGN / "log", FOREIGN / "goreleaser")  # of logs and of configurations: no recipes
TESTS = [path.read_text() for at in (HERE, FOREIGN) for path in at.glob("test_*.py")]
PROGRAM = re.compile(r"^```(?:go|rust)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(##|###) (.*)$", re.MULTILINE)


def recipes() -> list[tuple[str, str | None]]:
    """Tool and part of each place with commands."""
    found: list[tuple[str, str | None]] = []
    tool = ""
    _, *pieces = HEADING.split(DOCUMENT.read_text())
    for level, name, text in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        tool, part = (name, None) if level == "##" else (tool, name)
        if BLOCK.search(text):
            found.append((tool, part))
    return found


def test_no_two_recipes_have_one_name() -> None:
    assert len(recipes()) > 20
    assert len(set(recipes())) == len(recipes())


@pytest.mark.parametrize(("tool", "part"), recipes())
def test_every_recipe_is_run_by_a_test_of_its_tool(tool: str, part: str | None) -> None:
    calls = ["WITH_LOGIN", "with_login("] if part == WITH_LOGIN else []
    wanted = [f'"{part}"', *calls] if part else [""]
    runs = [text for text in TESTS if f'"{tool}"' in text and any(name in text for name in wanted)]
    assert runs or tool == PREPARATION
    assert recipe(tool, part)


def test_the_programs_that_it_prints_are_those_that_are_built() -> None:
    paths = [path for end in ("go", "rs") for path in FOREIGN.rglob(f"*.{end}")]
    built = [
        path.read_text() for path in paths if not any(path.is_relative_to(each) for each in READERS)
    ]
    assert sorted(PROGRAM.findall(DOCUMENT.read_text())) == sorted(built)


@pytest.mark.parametrize(("tool", "part"), [("nothing", None), ("openssl", "nothing")])
def test_what_the_document_does_not_have_is_no_recipe(tool: str, part: str | None) -> None:
    with pytest.raises(LookupError):
        recipe(tool, part)
