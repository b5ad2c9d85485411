"""Durations as people write and read them."""

import pytest

from sealwright.cli.duration import parse_duration, spell_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1s", 1), ("30m", 1800), ("90m", 5400), ("8h", 28800), ("2d", 172800)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "h",
        "8 h",
        " 8h",
        "8h\n",
        "-8h",
        "+8h",
        "1.5h",
        "1h30m",
        "8H",
        "8w",
        "0s",
        "00d",
        "８h",
        "none",
        "12345678901s",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration such as 90s, 30m, 8h or 2d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (60, "1m"),
        (90, "90s"),
        (5400, "90m"),
        (28800, "8h"),
        (86400, "1d"),
        (90000, "25h"),
        (172800, "2d"),
        (172801, "172801s"),
    ],
)
def test_it_is_told_in_the_largest_unit_that_divides_it(seconds: int, text: str) -> None:
    assert spell_duration(seconds) == text
    assert not seconds or parse_duration(text) == seconds
