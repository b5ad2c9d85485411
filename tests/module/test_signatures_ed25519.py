"""PKCS#11 v3.0 mechanisms §2.3.14, RFC 8032 §5.1: signatures of messages, which others verify.

SoftHSM2 2.6 signs all at once only, and takes whatever parameter it is given.
"""

import base64
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealwright import _native
from sealwright.cryptoki import CKM, CKR
from sealwright.pkcs11 import Pkcs11Error, Session
from tests.conftest import Environment
from tests.gateway import Gateway, gateway_to
from tests.module.providers import (
    Provider,
    initialised,
    private_key,
    public_key,
    read_public_key,
)
from tests.server import ControlPlane

KEY = "ed25519"
DATA = b"an artifact to be signed\n" * 41
PARTS = [DATA[:1], b"", DATA[1:64], DATA[64:]]
LENGTH = 64
LONGEST = 65_536  # octets of message that the control plane takes

MESSAGES = pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x", id="one-octet"),
        pytest.param(bytes(range(64)), id="as-long-as-a-digest"),
        pytest.param(DATA, id="text"),
        pytest.param(b"m" * LONGEST, id="the-longest"),
    ],
)


def key_of(session: Session) -> Ed25519PublicKey:
    key = read_public_key(public_key(session))
    assert isinstance(key, Ed25519PublicKey)
    return key


def spoilt(signature: bytes) -> bytes:
    return bytes([*signature[:-1], signature[-1] ^ 1])


def ask_openssl(key: Ed25519PublicKey, message: bytes, signature: bytes, folder: Path) -> str:
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key.pem", pem), ("message", message), ("signature", signature)):
        (folder / name).write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    command += ["-in", "message", "-sigfile", "signature"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    ).stdout.strip()


@pytest.fixture
def watched(
    control_plane: ControlPlane, builder_key: str, environment: Environment, module_file: Path
) -> Iterator[tuple[Session, Gateway]]:
    """Ours, and what it asks the control plane."""
    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module, module.slot(KEY).open() as session:
            yield session, gateway


@MESSAGES
def test_a_signature_is_one_that_others_verify(provider: Provider, message: bytes) -> None:
    with provider.open(KEY) as session:
        signature = session.sign(CKM.EDDSA, private_key(session), message)
        assert len(signature) == LENGTH
        key = key_of(session)
        key.verify(signature, message)
        with pytest.raises(InvalidSignature):
            key.verify(spoilt(signature), message)
        # RFC 8032 §5.1.6: the same key and message have one signature.
        assert session.sign(CKM.EDDSA, private_key(session), message) == signature


def test_openssl_verifies_too(provider: Provider, tmp_path: Path) -> None:
    with provider.open(KEY) as session:
        signature = session.sign(CKM.EDDSA, private_key(session), DATA)
        key = key_of(session)
    assert ask_openssl(key, DATA, signature, tmp_path) == "Signature Verified Successfully"
    assert ask_openssl(key, DATA, spoilt(signature), tmp_path) == "Signature Verification Failure"


def test_parts_give_the_signature_of_the_whole(sealwright: Provider) -> None:
    halves = [bytes(LONGEST // 2)] * 2
    with sealwright.open(KEY) as session:
        key = private_key(session)
        for parts in (PARTS, [], [b""], halves):
            message = b"".join(parts)
            signature = session.sign_parts(CKM.EDDSA, key, parts)
            assert signature == session.sign(CKM.EDDSA, key, message)
            key_of(session).verify(signature, message)
            session.verify_parts(CKM.EDDSA, public_key(session), parts, signature)


@MESSAGES
def test_the_module_verifies(provider: Provider, message: bytes) -> None:
    with provider.open(KEY) as session:
        verifier = public_key(session)
        signature = session.sign(CKM.EDDSA, private_key(session), message)
        session.verify(CKM.EDDSA, verifier, message, signature)
        for given, other, rv in (
            (message, spoilt(signature), CKR.SIGNATURE_INVALID),
            (message + b"!", signature, CKR.SIGNATURE_INVALID),
            (message, signature[:-1], CKR.SIGNATURE_LEN_RANGE),
            (message, signature + b"\0", CKR.SIGNATURE_LEN_RANGE),
        ):
            if len(given) > LONGEST:
                continue
            with pytest.raises(Pkcs11Error) as refused:
                session.verify(CKM.EDDSA, verifier, given, other)
            assert refused.value.rv == rv


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_longer_message_is_refused_and_nobody_is_asked(
    watched: tuple[Session, Gateway], parts: int
) -> None:
    session, gateway = watched
    native, key = session.module.native, private_key(session).handle
    mechanism, room = _native.Mechanism(CKM.EDDSA), _native.Buffer(LENGTH)
    assert native.sign_init(session.handle, mechanism, key) == CKR.OK
    if parts == 1:
        answer = native.sign(session.handle, bytes(LONGEST + 1), room)
    else:
        assert native.sign_update(session.handle, bytes(LONGEST - parts + 2)) == CKR.OK
        for _ in range(parts - 2):
            assert native.sign_update(session.handle, b"m") == CKR.OK
        answer = native.sign_update(session.handle, b"m")
    assert answer == CKR.DATA_LEN_RANGE
    assert room.untouched
    assert gateway.signings == []
    # That operation has ended, and the next one is a signature like any other.
    key_of(session).verify(session.sign(CKM.EDDSA, private_key(session), DATA), DATA)
    assert len(gateway.signings) == 1


def test_asking_for_the_length_asks_nobody_else(watched: tuple[Session, Gateway]) -> None:
    session, gateway = watched
    native, key = session.module.native, private_key(session).handle
    assert native.sign_init(session.handle, _native.Mechanism(CKM.EDDSA), key) == CKR.OK
    asked, small = _native.Buffer(), _native.Buffer(LENGTH - 1)
    assert native.sign(session.handle, DATA, asked) == CKR.OK
    assert native.sign(session.handle, DATA, small) == CKR.BUFFER_TOO_SMALL
    assert (asked.length, small.length) == (LENGTH, LENGTH)
    assert small.untouched
    assert gateway.signings == []
    room = _native.Buffer(LENGTH)
    assert native.sign(session.handle, DATA, room) == CKR.OK
    key_of(session).verify(room.value, DATA)
    assert len(gateway.signings) == 1


@pytest.mark.parametrize(
    "parameter",
    [
        pytest.param(bytes(24), id="no-prehash-no-context"),
        pytest.param(b"\1" + bytes(23), id="prehash"),
        pytest.param(b"\0", id="one-octet"),
    ],
)
def test_a_parameter_would_be_another_signature(sealwright: Provider, parameter: bytes) -> None:
    """CK_EDDSA_PARAMS asks for Ed25519ctx or Ed25519ph."""
    native = sealwright.module.native
    with sealwright.open(KEY) as session:
        given = _native.Mechanism(CKM.EDDSA, parameter)
        signs = native.sign_init(session.handle, given, private_key(session).handle)
        verifies = native.verify_init(session.handle, given, public_key(session).handle)
        assert {signs, verifies} == {CKR.MECHANISM_PARAM_INVALID}
        session.sign(CKM.EDDSA, private_key(session), DATA)


@pytest.mark.parametrize(
    ("key", "mechanism"),
    [(KEY, CKM.ECDSA), (KEY, CKM.ECDSA_SHA256), ("p256", CKM.EDDSA), ("rsa-2048", CKM.EDDSA)],
)
def test_a_key_of_another_kind_is_refused(sealwright: Provider, key: str, mechanism: CKM) -> None:
    native, given = sealwright.module.native, _native.Mechanism(mechanism)
    with sealwright.open(key) as session:
        signs = native.sign_init(session.handle, given, private_key(session).handle)
        verifies = native.verify_init(session.handle, given, public_key(session).handle)
        assert {signs, verifies} == {CKR.KEY_TYPE_INCONSISTENT}


def test_the_row_has_the_sha512_of_the_message(
    sealwright: Provider, control_plane: ControlPlane
) -> None:
    with sealwright.open(KEY) as session:
        session.sign_parts(CKM.EDDSA, private_key(session), PARTS)
    page = control_plane.client().operations(limit=1, signer=KEY, kind="sign").body
    (newest,) = json.loads(page)["items"]
    assert (newest["scheme"], newest["hash"], newest["outcome"]) == ("ed25519", "none", "succeeded")
    assert base64.b64decode(newest["digest"]) == hashlib.sha512(DATA).digest()
