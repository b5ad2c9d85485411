"""What `receipt verify` does not need, it does not load: it is run for each file that comes in."""

import subprocess
import sys
from pathlib import Path

from tests.receipt.composing import Log, row_octets
from tests.server import surroundings

SHOW = """
import sys
from sealwright.cli.run import run
code = run(sys.argv[1:])
print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
sys.exit(code)
"""
HEAVY = ("controlplane", "urllib3", "rich", "asn1crypto", "sealwright.client.client")


def test_verifying_loads_neither_server_nor_client_nor_formats(tmp_path: Path) -> None:
    log = Log(rows=[row_octets()])
    file = tmp_path / "row.tlog-proof"
    file.write_text(log.receipt(1))
    arguments = ["receipt", "verify", str(file), "--log-key", log.key.vkey]
    ended = subprocess.run(
        [sys.executable, "-c", SHOW, *arguments],
        env=surroundings(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = ended.stderr.splitlines()
    assert "sealwright.receipt.verification" in loaded
    assert not [name for name in loaded if name.startswith(HEAVY)]
