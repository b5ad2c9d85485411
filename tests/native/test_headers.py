"""A header includes what it says itself: another compiler's library brings less along."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADERS = [
    *(ROOT / "native").rglob("*.h"),
    *(ROOT / "tests" / "native").glob("*.h"),
]
FIXED_WIDTH = re.compile(r"\bstd::u?int(\d+|ptr)_t\b")


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: str(header.relative_to(ROOT)))
def test_whose_integers_are_of_fixed_width_includes_cstdint(header: Path) -> None:
    text = header.read_text()
    assert not FIXED_WIDTH.search(text) or "#include <cstdint>" in text
