"""A control plane that stalls, lies, dies or is not there; the host lives and is told."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealwright.cryptoki import CKM, CKR
from sealwright.pkcs11 import Module, Pkcs11Error, Session
from tests.conftest import KEYS, Environment
from tests.gateway import Gateway, Request, gateway_to, json_message, message
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane

LIMIT = "1"  # seconds for a whole call, retries included
START_LIMIT = "5"  # the same, where a server that was just started has to answer


@pytest.fixture
def gateway(
    environment: Environment, control_plane: ControlPlane, builder_key: str
) -> Iterator[Gateway]:
    with gateway_to(control_plane) as opened:
        environment.set(
            url=opened.url, api_key=builder_key, request_timeout=LIMIT, list_timeout=LIMIT
        )
        yield opened


@pytest.fixture
def session(gateway: Gateway, module_file: Path) -> Iterator[Session]:
    """On a token whose objects were listed while all was well."""
    with initialised(module_file) as module, module.slot("p256").open() as opened:
        yield opened


@pytest.fixture
def cold(gateway: Gateway, module_file: Path) -> Iterator[Module]:
    with initialised(module_file) as module:
        yield module


def sign(session: Session) -> bytes:
    return session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")


def refusal(session: Session) -> int:
    with pytest.raises(Pkcs11Error) as refused:
        sign(session)
    return refused.value.rv


def instead(answer: bytes) -> Callable[[Request, bytes], bytes]:
    return lambda _request, _answer: answer


def signature(octets: bytes) -> bytes:
    """The control plane's answer, with this for a signature."""
    return json_message(200, json.dumps({"signature": base64.b64encode(octets).decode()}).encode())


NONSENSE = [
    pytest.param(b"", id="closed-without-a-word"),
    pytest.param(b"\x16\x03\x01 not http at all\r\n\r\n", id="another-protocol"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", id="cut-off"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="negative-length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000, id="endless-header"),
    pytest.param(json_message(200, b""), id="empty"),
    pytest.param(json_message(200, b'{"signature": "'), id="half-a-json"),
    pytest.param(json_message(200, b"[" * 100_000), id="deep-json"),
    pytest.param(json_message(200, b"[]"), id="a-list"),
    pytest.param(json_message(200, b"null"), id="null"),
    pytest.param(json_message(200, b'"text"'), id="a-string"),
    pytest.param(json_message(200, b"\xff\xfe\x00"), id="no-utf8"),
    pytest.param(json_message(200, b"<html></html>"), id="html"),
    pytest.param(json_message(200, b"x" * 70_000_000), id="huge"),
    pytest.param(message(204, b""), id="no-content"),
    pytest.param(message(302, b"", ("Location", "http://127.0.0.1:1/v1/catalogue")), id="redirect"),
    pytest.param(message(500, b"oops"), id="500-without-a-problem"),
]


def cut(answer: bytes) -> bytes:
    """An answer after which the connection ends."""
    if answer[:5] == b"HTTP/" and b"\r\n\r\n" in answer:
        start, rest = answer.split(b"\r\n", 1)
        return start + b"\r\nConnection: close\r\n" + rest
    return answer


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_instead_of_a_signature_is_a_device_error(
    session: Session, gateway: Gateway, answer: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.answer = instead(cut(answer) or b"HTTP/1.1 connection: close\r\n\r\n")
    assert refusal(session) == CKR.DEVICE_ERROR
    assert capfd.readouterr().err.startswith("sealwright: ")
    gateway.answer = lambda _, answer: answer
    assert len(sign(session)) == 64


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}", id="none"),
        pytest.param(b'{"signature": null}', id="null"),
        pytest.param(b'{"signature": 5}', id="number"),
        pytest.param(b'{"signature": ["AAAA"]}', id="list"),
        pytest.param(b'{"signature": ""}', id="empty"),
        pytest.param(b'{"signature": "not base64!"}', id="no-base64"),
        pytest.param(b'{"signature": "' + b"A" * 100_000 + b'"}', id="long"),
    ],
)
def test_a_signature_that_is_none_is_a_device_error(
    session: Session, gateway: Gateway, body: bytes
) -> None:
    gateway.answer = instead(json_message(200, body))
    assert refusal(session) == CKR.DEVICE_ERROR
    assert len(gateway.signings) == 1  # an answer is an answer: not asked again


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(bytes(63), id="short"),
        pytest.param(bytes(65), id="long"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"\xff" * 64, id="beyond-the-order"),
        pytest.param(b"\x30\x06\x02\x01\x01\x02\x01\x01", id="der"),
        pytest.param(b"\x01" * 64, id="of-something-else"),
    ],
)
def test_a_signature_that_does_not_verify_is_not_handed_out(
    session: Session, gateway: Gateway, octets: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.answer = instead(signature(octets))
    assert refusal(session) == CKR.DEVICE_ERROR
    assert "p256" in capfd.readouterr().err


def test_a_signature_of_another_call_is_not_handed_out(session: Session, gateway: Gateway) -> None:
    kept: list[bytes] = []

    def replay(_request: Request, answer: bytes) -> bytes:
        kept.append(answer)
        return kept[0]

    gateway.answer = replay
    key = private_key(session)
    session.sign(CKM.ECDSA_SHA256, key, b"first")
    with pytest.raises(Pkcs11Error) as refused:
        session.sign(CKM.ECDSA_SHA256, key, b"second")
    assert refused.value.rv == CKR.DEVICE_ERROR


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_control_plane_is_asked_again(
    session: Session, gateway: Gateway, status: int, control_plane: ControlPlane
) -> None:
    refused: list[str] = []

    def at_first(request: Request, answer: bytes) -> bytes:
        if len(refused) < 2:
            refused.append(request.headers["idempotency-key"])
            return message(status, b"")
        return answer

    before = len(control_plane.signings("p256"))
    gateway.answer = at_first
    assert len(sign(session)) == 64
    keys = {request.headers["idempotency-key"] for request in gateway.signings}
    assert len(gateway.signings) == 3
    assert len(keys) == 1
    # The gateway dropped answers that the control plane had given: still one row, one signature.
    assert len(control_plane.signings("p256")) == before + 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_control_plane_that_stays_busy_is_a_device_error(
    session: Session, gateway: Gateway, status: int
) -> None:
    gateway.answer = instead(message(status, b""))
    assert refusal(session) == CKR.DEVICE_ERROR
    assert len(gateway.signings) > 1


def test_an_internal_error_is_not_asked_about_again(session: Session, gateway: Gateway) -> None:
    gateway.answer = instead(message(500, b"{}"))
    assert refusal(session) == CKR.DEVICE_ERROR
    assert len(gateway.signings) == 1


def test_a_lost_answer_costs_nothing(
    session: Session, gateway: Gateway, control_plane: ControlPlane
) -> None:
    lost: list[Request] = []

    def lose_the_first(request: Request, answer: bytes) -> bytes:
        if not lost:
            lost.append(request)
            gateway.drop_connections()
        return answer

    before = len(control_plane.signings("p256"))
    gateway.answer = lose_the_first
    assert len(sign(session)) == 64
    assert len(gateway.signings) == 2
    assert len(control_plane.signings("p256")) == before + 1


def test_a_control_plane_that_never_answers_is_given_up(session: Session, gateway: Gateway) -> None:
    gateway.answer = lambda _request, _answer: None
    assert refusal(session) == CKR.DEVICE_ERROR


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_instead_of_the_list_of_signers_fails_the_function(
    cold: Module, gateway: Gateway, answer: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.answer = instead(cut(answer) or b"HTTP/1.1 connection: close\r\n\r\n")
    with pytest.raises(Pkcs11Error, match="C_GetSlotList: CKR_FUNCTION_FAILED"):
        cold.slots()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("sealwright: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", -1),
        ("number", 2**31),
        ("number", "1"),
        ("name", 7),
        ("name", "../../etc"),
        ("name", "x" * 33),
        ("status", 1),
        ("public_key", "!!"),
        ("certificate", 3),
        ("issuers", ["ab"]),
        ("id", ""),
    ],
)
def test_a_signer_that_is_malformed_fails_the_function(
    cold: Module, gateway: Gateway, field: str, value: object
) -> None:
    def spoil(_request: Request, answer: bytes) -> bytes:
        catalogue = json.loads(answer.partition(b"\r\n\r\n")[2])
        catalogue["signers"][0][field] = value
        return json_message(200, json.dumps(catalogue).encode())

    gateway.answer = spoil
    with pytest.raises(Pkcs11Error, match="CKR_FUNCTION_FAILED"):
        cold.slots()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("public_key", "AAAA", "no type that this module knows; a newer module may"),
        ("status", "merry", "is disabled"),
    ],
)
def test_a_signer_of_a_newer_control_plane_leaves_the_others_and_is_told_of_when_it_is_wanted(
    cold: Module,
    gateway: Gateway,
    capfd: pytest.CaptureFixture[str],
    field: str,
    value: str,
    reason: str,
) -> None:
    def spoil(_request: Request, answer: bytes) -> bytes:
        catalogue = json.loads(answer.partition(b"\r\n\r\n")[2])
        catalogue["signers"][0][field] = value
        return json_message(200, json.dumps(catalogue).encode())

    gateway.answer = spoil
    labels = {slot.token().label for slot in cold.slots()}
    assert labels == set(KEYS) - {"rsa-2048"}
    assert capfd.readouterr().err == ""
    (slot,) = set(cold.slots(with_token=False)) - set(cold.slots())
    for _ in range(2):
        with pytest.raises(Pkcs11Error, match="C_OpenSession: CKR_TOKEN_NOT_PRESENT"):
            slot.open()
    (line,) = capfd.readouterr().err.splitlines()
    assert 'signer "rsa-2048"' in line
    assert reason in line


def test_a_signer_whose_certificate_is_broken_inside_loses_its_token_when_it_is_used(
    cold: Module, gateway: Gateway, capfd: pytest.CaptureFixture[str]
) -> None:
    def spoil(_request: Request, answer: bytes) -> bytes:
        catalogue = json.loads(answer.partition(b"\r\n\r\n")[2])
        der = base64.b64decode(catalogue["signers"][0]["certificate"])
        spoilt = der[:4] + bytes(len(der) - 4)
        catalogue["signers"][0]["certificate"] = base64.b64encode(spoilt).decode()
        return json_message(200, json.dumps(catalogue).encode())

    gateway.answer = spoil
    slot = cold.slot("rsa-2048")
    gateway.answer = lambda _, answer: answer
    assert capfd.readouterr().err == ""
    for _ in range(2):
        with pytest.raises(Pkcs11Error, match="C_OpenSession: CKR_TOKEN_NOT_PRESENT"):
            slot.open()
    (line,) = capfd.readouterr().err.splitlines()
    assert "rsa-2048" in line
    assert "rsa-2048" not in {each.token().label for each in cold.slots()}
    assert slot.info().flags == 0
    with cold.slot("p256").open() as session:
        sign(session)


def test_where_nobody_listens_the_list_fails_and_one_line_says_why(
    environment: Environment,
    builder_key: str,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment.set(
        url=f"http://127.0.0.1:{port}",
        api_key=builder_key,
        request_timeout=LIMIT,
        list_timeout=LIMIT,
    )
    with initialised(module_file) as module:
        with pytest.raises(Pkcs11Error, match="C_GetSlotList: CKR_FUNCTION_FAILED"):
            module.slots()
        (line,) = capfd.readouterr().err.splitlines()
        assert f"http://127.0.0.1:{port}" in line


def test_a_key_that_was_revoked_before_the_list_fails_it(
    environment: Environment,
    control_plane: ControlPlane,
    module_file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    control_plane.create_machine("long-gone")
    client = control_plane.client()
    added = client.add_key("long-gone").value
    assert added.api_key is not None
    client.revoke_key("long-gone", added.id)
    environment.set(url=control_plane.url, api_key=added.api_key)
    with initialised(module_file) as module:
        with pytest.raises(Pkcs11Error, match="C_GetSlotList: CKR_FUNCTION_FAILED"):
            module.slots()
        (line,) = capfd.readouterr().err.splitlines()
        assert "revoked" in line
        assert added.api_key not in line


def test_the_next_address_is_tried(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"http://127.0.0.1:{listener.getsockname()[1]}"
    environment.set(url=f"{dead},{control_plane.url}", api_key=builder_key)
    with initialised(module_file) as module, module.slot("p256").open() as session:
        sign(session)


class TestOwnServer:
    """Servers that are killed and started again."""

    @pytest.fixture
    def module(
        self, environment: Environment, own_plane: ControlPlane, module_file: Path
    ) -> Iterator[Module]:
        key = own_plane.create_machine("builder")
        own_plane.create_signer("release", "p256", builder="operator")
        environment.set(url=own_plane.url, api_key=key, request_timeout=START_LIMIT)
        with initialised(module_file) as opened:
            yield opened

    def test_a_server_that_is_away_makes_no_token_disappear(
        self, module: Module, own_plane: ControlPlane
    ) -> None:
        with module.slot("release").open() as session:
            sign(session)
            own_plane.kill()
            assert refusal(session) == CKR.DEVICE_ERROR
            assert [slot.token().label for slot in module.slots()] == ["release"]
            own_plane.start(own_plane.again())
            sign(session)

    def test_a_restart_between_signatures_is_not_noticed(
        self, module: Module, own_plane: ControlPlane
    ) -> None:
        with module.slot("release").open() as session:
            for _ in range(2):
                sign(session)
                own_plane.stop()
                own_plane.start(own_plane.again())
            sign(session)

    def test_a_server_killed_while_threads_sign_leaves_a_row_for_every_signature(
        self,
        module: Module,
        own_plane: ControlPlane,
    ) -> None:
        signatures: list[bytes] = []
        refusals: set[int] = set()
        started, killed = threading.Event(), threading.Event()

        def sign_until_killed() -> None:
            with module.slot("release").open() as session:
                key = private_key(session)
                while not killed.is_set():
                    try:
                        signatures.append(session.sign(CKM.ECDSA_SHA256, key, b"data"))
                    except Pkcs11Error as error:
                        refusals.add(error.rv)
                    if len(signatures) > 50:
                        started.set()

        threads = [threading.Thread(target=sign_until_killed) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert started.wait(60)
        own_plane.kill()
        killed.set()
        for thread in threads:
            thread.join()
        assert refusals <= {CKR.DEVICE_ERROR}
        own_plane.start(own_plane.again())
        exported = b"".join(own_plane.client().export_operations())
        recorded = {json.loads(line)["signature"] for line in exported.splitlines()}
        assert {base64.b64encode(one).decode() for one in signatures} <= recorded
