"""What others wrote, on a terminal: it stays in its place, whatever it is made of."""

import unicodedata

import pytest

from sealwright.cli.columns import padded, width, wrapped
from sealwright.cli.tabular import aligned
from sealwright.cli.text import printable, printable_json

BLANKS = (
    "\u00a0\u115f\u1160\u2000\u200b\u2028\u202f\u2060\u2800\u3000\u3164\ufe0f\ufeff\uffa0\U000e0100"
)


@pytest.mark.parametrize("blank", BLANKS)
def test_what_looks_like_a_space_and_is_none_is_written_as_its_code(blank: str) -> None:
    assert f"{ord(blank):x}" in printable(f"a{blank}b")
    assert blank not in printable(f"a{blank}b")
    assert blank not in printable_json(f'"a{blank}b"')


@pytest.mark.parametrize("text", ["José", "Jose\u0301", "密码学", "naïve 🙂", "हिन्दी", "a b"])
def test_people_s_names_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_marks_without_a_letter_or_many_on_one_are_written_as_their_codes() -> None:
    assert printable("\u0301a") == "\\u0301a"
    assert printable("a" + "\u0301" * 9).count("\u0301") == 2


@pytest.mark.parametrize(
    "text",
    [
        "密" * 200,
        ("密" * 30 + " ") * 5,
        "x" * 300,
        "é" * 200,
        "\U0001f1e6" * 100,
        printable("make " + "\u3164" * 38 + "file   app.jar is what was signed"),
        "a" + "      " * 20 + "file        app.jar is what was signed",
    ],
)
def test_lines_are_no_wider_than_the_terminal_and_begin_beside_the_name(text: str) -> None:
    lines = wrapped(text, 80, "client's command  ", " " * 18).split("\n")
    assert lines[0].startswith("client's command  ")
    assert all(line.startswith(" " * 18) and line[18] != " " for line in lines[1:])
    for line in lines:
        assert sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in line) <= 80
    said = "".join(line[18:] for line in lines)
    assert said.replace(" ", "") == text.replace(" ", "")


def test_tables_are_aligned_by_columns() -> None:
    assert padded("密", 4) == "密  "
    first, second, third = aligned(["a", "b"], [["密码", "x"], ["mmm", "y"]])
    assert [width(line[:-1]) for line in (first, second, third)] == [6, 6, 6]
