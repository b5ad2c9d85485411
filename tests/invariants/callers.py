"""Calls to sign over HTTP, as the API has them, without a module in between."""

import base64
import hashlib
import http.client
import json
from contextlib import closing
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """`text`: the signature (base64), or the code of the refusal."""

    status: int
    text: str
    retry_after: str | None


def sign(
    port: int, api_key: str, text: str, *, signer: str = "release", key: str | None = None
) -> Reply:
    """Over a connection of its own; otherwise as `sign_over`."""
    with closing(connect(port)) as connection:
        return sign_over(connection, api_key, text, signer=signer, key=key)


def connect(port: int, timeout: float = 60) -> http.client.HTTPConnection:
    """To a server on loopback, when it is first used; `timeout`: seconds for an answer."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)


def sign_over(
    connection: http.client.HTTPConnection,
    api_key: str,
    text: str,
    *,
    signer: str = "release",
    key: str | None = None,
) -> Reply:
    """ECDSA over the SHA-256 of `text`; the idempotency key is `text` unless another is given.

    Raises OSError or http.client.HTTPException when there is no whole answer.
    """
    body = {
        "scheme": "ecdsa",
        "hash": "sha256",
        "digest": base64.b64encode(hashlib.sha256(text.encode()).digest()).decode(),
    }
    return call_over(connection, api_key, body, signer=signer, key=key or text)


def call_over(
    connection: http.client.HTTPConnection,
    api_key: str,
    body: dict[str, str],
    *,
    signer: str,
    key: str,
) -> Reply:
    """Any call to sign."""
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    connection.request("POST", f"/v1/signers/{signer}/sign", json.dumps(body), headers)
    answer = connection.getresponse()
    content = json.loads(answer.read())
    text = content["signature" if answer.status == 200 else "code"]
    return Reply(answer.status, text, answer.getheader("Retry-After"))
