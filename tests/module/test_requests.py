"""What costs a request to the control plane, and what must not."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKA, CKM, CKO, CKR
from sealwright.pkcs11 import Module
from tests.conftest import Environment
from tests.gateway import Gateway, gateway_to
from tests.module.providers import initialised, private_key, public_key
from tests.server import ControlPlane


@pytest.fixture
def gateway(
    environment: Environment, control_plane: ControlPlane, builder_key: str
) -> Iterator[Gateway]:
    """Between the module and the shared control plane."""
    with gateway_to(control_plane) as opened:
        environment.set(url=opened.url, api_key=builder_key)
        yield opened


@pytest.fixture
def cold(gateway: Gateway, module_file: Path) -> Iterator[Module]:
    """Initialised, and nothing else done."""
    with initialised(module_file) as module:
        yield module


def asked(gateway: Gateway) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in gateway.requests]


CATALOGUE = ("GET", "/v1/catalogue")


def test_initialising_and_ending_asks_nothing(gateway: Gateway, module_file: Path) -> None:
    with initialised(module_file) as module:
        module.info()
    assert gateway.connections == 0


def test_enumerating_asks_once_however_often_it_is_done(cold: Module, gateway: Gateway) -> None:
    for _ in range(20):
        for slot in cold.slots():
            slot.info()
            slot.token()
            for mechanism in slot.mechanisms():
                slot.mechanism_info(mechanism)
            with slot.open() as session:
                for found in session.find():
                    found.get(CKA.CLASS, CKA.LABEL, CKA.ID)
    assert asked(gateway) == [CATALOGUE]
    assert gateway.connections == 1


def test_a_cold_signature_costs_two_requests_on_one_connection(
    cold: Module, gateway: Gateway
) -> None:
    with cold.slot("p256").open() as session:
        session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")
    assert asked(gateway) == [CATALOGUE, ("POST", "/v1/signers/p256/sign")]
    assert gateway.connections == 1


def test_a_hundred_signatures_share_one_connection(cold: Module, gateway: Gateway) -> None:
    with cold.slot("p256").open() as session:
        key = private_key(session)
        for number in range(100):
            session.sign(CKM.ECDSA_SHA256, key, str(number).encode())
    assert len(gateway.signings) == 100
    assert gateway.connections == 1
    keys = [request.headers["idempotency-key"] for request in gateway.signings]
    assert len(set(keys)) == 100
    assert sorted(keys) == keys  # ordered by time


def test_lengths_and_small_buffers_ask_nothing(cold: Module, gateway: Gateway) -> None:
    with cold.slot("rsa-2048").open() as session:
        mechanism, key = _native.Mechanism(CKM.SHA256_RSA_PKCS), private_key(session)
        assert cold.native.sign_init(session.handle, mechanism, key.handle) == CKR.OK
        for _ in range(5):
            assert cold.native.sign(session.handle, b"data", _native.Buffer()) == CKR.OK
            small = _native.Buffer(255)
            assert cold.native.sign(session.handle, b"data", small) == CKR.BUFFER_TOO_SMALL
        assert gateway.signings == []
        assert cold.native.sign(session.handle, b"data", _native.Buffer(256)) == CKR.OK
    assert len(gateway.signings) == 1


def test_refusals_that_are_certain_here_ask_nothing(cold: Module, gateway: Gateway) -> None:
    with cold.slot("rsa-2048").open() as session:
        mechanism, key = _native.Mechanism(CKM.RSA_PKCS), private_key(session)
        assert cold.native.sign_init(session.handle, mechanism, key.handle) == CKR.OK
        room = _native.Buffer(256)
        assert cold.native.sign(session.handle, bytes(256), room) == CKR.DATA_LEN_RANGE
    assert gateway.signings == []


def test_verifying_digesting_and_random_ask_nothing(cold: Module, gateway: Gateway) -> None:
    with cold.slot("p256").open() as session:
        signature = session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")
        before = len(gateway.requests)
        session.verify(CKM.ECDSA_SHA256, public_key(session), b"data", signature)
        session.digest(CKM.SHA256, b"data")
        session.random(100)
        session.find({CKA.CLASS: CKO.CERTIFICATE})
        assert len(gateway.requests) == before


def test_the_artifact_is_never_sent(cold: Module, gateway: Gateway) -> None:
    artifact = b"nobody else's business " * 5000
    with cold.slot("p256").open() as session:
        session.sign(CKM.ECDSA_SHA256, private_key(session), artifact)
    (request,) = gateway.signings
    assert len(request.body) < 2000
    assert artifact[:20] not in request.body


def test_the_call_says_what_the_audit_needs(
    cold: Module, gateway: Gateway, control_plane: ControlPlane
) -> None:
    with cold.slot("p256").open() as session:
        session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")
    (request,) = gateway.signings
    sent = json.loads(request.body)
    certificate = control_plane.client().certificate("p256").value
    assert sent["certificate_serial"] == certificate.serial
    assert (sent["scheme"], sent["hash"]) == ("ecdsa", "sha256")
    assert sent["ecdsa_encoding"] == "p1363"
    row = control_plane.signings("p256")[0]
    assert row.client is not None
    assert row.client.tool is not None
    assert row.client.tool.startswith("python")
    assert row.client.hostname == os.uname().nodename
    assert row.client.address == "127.0.0.1"


def test_a_connection_that_died_meanwhile_is_replaced(cold: Module, gateway: Gateway) -> None:
    with cold.slot("p256").open() as session:
        key = private_key(session)
        for _ in range(5):
            session.sign(CKM.ECDSA_SHA256, key, b"data")
            gateway.drop_connections()
    assert gateway.connections >= 5


def test_many_threads_share_few_connections(cold: Module, gateway: Gateway) -> None:
    slot = cold.slot("p256")

    def sign(number: int) -> bytes:
        with slot.open() as session:
            return session.sign(CKM.ECDSA_SHA256, private_key(session), str(number).encode())

    with ThreadPoolExecutor(8) as threads:
        signatures = list(threads.map(sign, range(80)))
    assert len(set(signatures)) == 80
    assert gateway.connections <= 9
    assert asked(gateway).count(CATALOGUE) == 1
