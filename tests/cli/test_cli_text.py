"""What came from others cannot draw on the terminal of whoever reads it."""

import json

import pytest

from sealwright.cli.tabular import table, text, word
from sealwright.cli.text import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ümläuts, 日本", "plain text, ümläuts, 日本"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\r\ttab", "two\\x0alines\\x0d\\x09tab"),
        ("C1 \x9b31m", "C1 \\x9b31m"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("\u2066isolated\u2069", "\\u2066isolated\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_unprintable_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_stays_the_same_object_with_unprintable_characters_escaped() -> None:
    value = {"command": "jar\u202e\x7f\x9b\U000e0041", "n": "日本"}
    text = printable_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert text.isprintable()
    assert "日本" in text


def test_a_table_off_the_terminal_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    table(
        [text("name"), word("not after")], [["release", None], ["a\x1bb", "2027-01-31T00:00:00Z"]]
    )
    assert capsys.readouterr().out == (
        "NAME     NOT AFTER\nrelease  -\na\\x1bb   2027-01-31T00:00:00Z\n"
    )
