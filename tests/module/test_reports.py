"""What the module says, at log level `info`, of the signatures that it made."""

from pathlib import Path

from sealwright.cryptoki import CKM
from tests.conftest import Environment
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane


def test_a_build_log_names_the_row_of_each_signature(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    tmp_path: Path,
) -> None:
    log = tmp_path / "build.log"
    environment.set(url=control_plane.url, api_key=builder_key, log_level="info", log_file=str(log))
    with initialised(module_file) as module:
        for signer in ("p256", "rsa-2048"):
            with module.slot(signer).open() as session:
                mechanism = CKM.ECDSA_SHA256 if signer == "p256" else CKM.SHA256_RSA_PKCS
                session.sign(mechanism, private_key(session), b"data")
    rows = {signer: control_plane.signings(signer)[0].id for signer in ("p256", "rsa-2048")}
    assert log.read_text().splitlines() == [
        f'sealwright: signer "{signer}": signed [operation {row}]' for signer, row in rows.items()
    ]


def test_at_the_usual_level_a_signature_is_nothing_to_talk_about(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    tmp_path: Path,
) -> None:
    log = tmp_path / "build.log"
    environment.set(url=control_plane.url, api_key=builder_key, log_file=str(log))
    with initialised(module_file) as module, module.slot("p256").open() as session:
        session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")
    assert not log.exists()
