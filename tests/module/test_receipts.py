"""The receipts that signatures leave in a directory: each proves that its row is in the log."""

import base64
import hashlib
from pathlib import Path

import pytest

from sealwright.cryptoki import CKM
from tests.conftest import Environment
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane


def sign(module_file: Path, *texts: bytes) -> None:
    with initialised(module_file) as module, module.slot("p256").open() as session:
        for text in texts:
            session.sign(CKM.ECDSA_SHA256, private_key(session), text)


def test_each_signature_leaves_its_own(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    environment.set(
        url=control_plane.url, api_key=builder_key, receipts_directory=str(tmp_path / "kept")
    )
    (tmp_path / "kept").mkdir()
    sign(module_file, b"one", b"two")
    assert capfd.readouterr().err == ""
    rows = control_plane.signings("p256")[:2]
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        f"{row.id}.tlog-proof" for row in rows
    }
    for row in rows:
        text = (tmp_path / "kept" / f"{row.id}.tlog-proof").read_text()
        format_, extra, index = text.splitlines()[:3]
        canonical = base64.b64decode(extra.removeprefix("extra "))
        assert format_ == "c2sp.org/tlog-proof@v1"
        assert hashlib.sha256(canonical).hexdigest() == row.row_hash
        assert index == f"index {row.sequence - 1}"


def test_one_that_cannot_be_written_costs_no_signature_but_a_line(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    none = tmp_path / "none"
    environment.set(url=control_plane.url, api_key=builder_key, receipts_directory=str(none))
    sign(module_file, b"three")
    row = control_plane.signings("p256")[0]
    assert capfd.readouterr().err == (
        f'sealwright: signer "p256": signed, and no receipt is kept: {none}/{row.id}.tlog-proof: '
        f"No such file or directory; sealwright receipt get {row.id} gives it later\n"
    )
    assert not none.exists()
