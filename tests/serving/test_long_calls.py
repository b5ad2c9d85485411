"""The call to sign takes a body of 96 KiB, for it may hold a message; other calls are shorter."""

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.serving.conftest import Shared
from tests.serving.wire import Answer

LARGEST_MESSAGE = 64 * 1024
LARGEST_CALL = 96 * 1024
SMALL = 64 * 1024

Post = Callable[[str, bytes], Answer]


@pytest.fixture(scope="module")
def post(shared: Shared) -> Post:
    """By the admin, who may sign with `edwards`."""
    shared.make("/v1/signers", {"name": "edwards", "key": "ed25519", "common_name": "Edwards"})
    shared.make("/v1/signers/edwards/members", {"identity": "admin", "role": "operator"})

    def post_(path: str, body: bytes) -> Answer:
        head = (
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n" % (path.encode(), len(body))
        )
        with shared.connect() as conversation:
            return conversation.say(head + shared.authorization + b"\r\n" + body).hear()

    return post_


def a_call(message: bytes, length: int = 0) -> bytes:
    """`length`: of the body at least."""
    said = {"scheme": "ed25519", "hash": "none", "message": base64.b64encode(message).decode()}
    return json.dumps(said).encode().ljust(length)


def test_the_longest_message_is_signed(shared: Shared, post: Post) -> None:
    message = bytes(index % 251 for index in range(LARGEST_MESSAGE))
    answer = post("/v1/signers/edwards/sign", a_call(message, LARGEST_CALL))
    assert answer.status == 200, answer.body
    catalogue = shared.get("/v1/catalogue")
    (signer,) = [each for each in catalogue["signers"] if each["name"] == "edwards"]
    public_key = load_der_public_key(base64.b64decode(signer["public_key"]))
    assert isinstance(public_key, Ed25519PublicKey)
    public_key.verify(base64.b64decode(json.loads(answer.body)["signature"]), message)


def test_a_longer_message_is_refused_by_its_name(post: Post) -> None:
    answer = post("/v1/signers/edwards/sign", a_call(bytes(LARGEST_MESSAGE + 1)))
    assert (answer.status, json.loads(answer.body)["field"]) == (400, "message")
    assert str(LARGEST_MESSAGE) in json.loads(answer.body)["title"]


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1/signers/edwards/sign", LARGEST_CALL),
        ("/v1/signers/edwards/renew", SMALL),
        ("/v1/signers", SMALL),
    ],
)
def test_a_longer_body_is_refused_before_it_is_read(post: Post, path: str, most: int) -> None:
    answer = post(path, a_call(b"", most + 1))
    assert (answer.status, answer.code) == (413, "payload_too_large")
    assert str(most) in json.loads(answer.body)["title"]


@pytest.mark.parametrize("length", [LARGEST_CALL, 2**40])
def test_a_disabled_identity_is_refused_and_on_record_before_its_body_comes(
    shared: Shared, length: int
) -> None:
    name = f"disabled-{length}"
    key = shared.make("/v1/identities", {"name": name, "kind": "machine"})["api_key"]
    shared.make(f"/v1/identities/{name}/disable", {})
    head = (
        b"POST /v1/signers/edwards/sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (key.encode(), length)
    )
    with shared.connect() as conversation:
        answer = conversation.say(head).hear()
    assert (answer.status, answer.code) == (401, "identity_disabled")
    (row,) = shared.get(f"/v1/operations?kind=sign&actor={name}")["items"]
    assert (row["outcome"], row["reason"]) == ("denied", "identity_disabled")
