"""The command that verifies receipts, and a log whose rows are those of docs/audit.md."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, ask
from tests.receipt.composing import Log, Row, octets_of

NO_SERVER = "http://127.0.0.1:9"
DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"

Verify = Callable[..., Run]
"""Of a receipt's text, with options; `--json`."""


def documented_rows() -> list[Row]:
    """A membership, a signature of version 1, an approval, and a signature that rests on it."""
    exported = re.findall(r'^\{.*,"row_hash":"[0-9a-f]{64}"\}$', DOCUMENT.read_text(), re.MULTILINE)
    return [json.loads(line) for line in exported]


@pytest.fixture
def log() -> Log:
    return Log(rows=[octets_of(row) for row in documented_rows()])


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    def run(text: str | bytes, log: Log, *options: str | Path, json: bool = True) -> Run:
        file = tmp_path / "row.tlog-proof"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        output = ["--json"] if json else []
        arguments = ["receipt", "verify", file, "--log-key", log.key.vkey, *options, *output]
        return ask(NO_SERVER, *map(str, arguments))

    return run
