"""Where a call came from: the peer, or whom a trusted proxy names."""

import base64
import json
import re
import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from controlplane.admission.proxies import TrustedProxies
from controlplane.domain.model import KeyAlgorithm
from controlplane.domain.signer import SignerDescription
from controlplane.service.installation import open_services
from controlplane.serving.settings import InvalidSettings, Settings
from tests.serving.conftest import Installation, Serve, Server, Shared, connect
from tests.serving.wire import Conversation, until

PROXIES = TrustedProxies.parse(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("192.0.2.9", ["192.0.2.1"], "192.0.2.9"),
        # The rightmost that is no proxy's; whoever wrote the rest may have made it up.
        ("127.0.0.1", ["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.1, 192.0.2.1, 10.1.2.3"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3, 192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.1", "192.0.2.1", "10.1.2.3, 10.1.2.4"], "192.0.2.1"),
        ("127.0.0.1", ["10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        # Spellings
        ("127.0.0.1", ["  192.0.2.1\t,10.1.2.3 "], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1, 10.1.2.3:4711"], "192.0.2.1"),
        ("127.0.0.1", ["[2001:DB9::1]:4711"], "2001:db9::1"),
        ("127.0.0.1", ["[2001:db9::1]"], "2001:db9::1"),
        ("127.0.0.1", ["2001:db9:0:0::1, [2001:db8::1]:443"], "2001:db9::1"),
        ("::ffff:127.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("127.0.0.1", ["::ffff:192.0.2.1, ::ffff:10.1.2.3"], "192.0.2.1"),
        # What is no address ends what is believed.
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1,"], "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1, _hidden, 10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["192.0.2.1.5"], "127.0.0.1"),
        ("127.0.0.1", ["192.0.02.1"], "127.0.0.1"),
        ("127.0.0.1", ["\xff\x00"], "127.0.0.1"),
        ("127.0.0.1", ["unix"], "127.0.0.1"),
        (None, ["192.0.2.1"], None),
    ],
)
def test_the_rightmost_address_that_is_no_proxys_counts(
    peer: str | None, forwarded: list[str], caller: str | None
) -> None:
    assert PROXIES.caller(peer, forwarded) == caller


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        (None, ["192.0.2.1"], "192.0.2.1"),
        (None, [], None),
        (None, ["unknown"], None),
        ("127.0.0.1", ["192.0.2.1"], "127.0.0.1"),
    ],
)
def test_who_calls_over_a_trusted_unix_socket_is_a_proxy(
    peer: str | None, forwarded: list[str], caller: str | None
) -> None:
    assert TrustedProxies.parse(["unix"]).caller(peer, forwarded) == caller


@pytest.mark.parametrize(
    "given", ["", "proxy.example.org", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.1-9", "unix:/run/s"]
)
def test_what_is_no_proxy_is_refused_by_its_name(tmp_path: Path, given: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.parse(data_dir=tmp_path, trusted_proxies=["10.0.0.0/8", given, "unix"])
    (fault,) = refused.value.faults
    assert fault.startswith("--trusted-proxy: ")
    assert repr(given) in fault or given in fault


FORWARDED = b"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 192.0.2.1\r\n"


def calls(conversation: Conversation, admin_key: str, signer: str) -> str | None:
    """The address in the row of a call to sign with what is not there, come with `FORWARDED`."""
    key = b"Host: x\r\nAuthorization: Bearer " + admin_key.encode() + b"\r\n"
    digest = base64.b64encode(bytes(32)).decode()
    body = json.dumps({"scheme": "ecdsa", "hash": "sha256", "digest": digest}).encode()
    head = b"POST /v1/signers/%b/sign HTTP/1.1\r\n" % signer.encode() + key + FORWARDED
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert conversation.say(head + body).hear().status == 404
    ask = b"GET /v1/operations?signer=%b HTTP/1.1\r\n" % signer.encode()
    rows = conversation.say(ask + key + b"\r\n").hear()
    (row,) = json.loads(rows.body)["items"]
    address: str | None = row["client"]["address"]
    return address


def logged(server: Server, **named: str) -> list[dict[str, object]]:
    """The lines with these values."""
    lines = map(json.loads, server.log.read_text().splitlines())
    return [line for line in lines if named.items() <= line.items()]


def must_log(server: Server, signer: str, address: str | None) -> None:
    path = f"/v1/signers/{signer}/sign"
    until(lambda: len(logged(server, path=path)) == 1)
    assert logged(server, path=path)[0]["address"] == address


def names_of_signers(conversation: Conversation, key: bytes = b"") -> set[str]:
    said = b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + key + b"\r\n"
    text = conversation.say(said).hear().body.decode()
    return set(re.findall(r'\bsigner="([^"]*)"', text))


def test_without_a_trusted_proxy_nobody_names_an_address(shared: Shared) -> None:
    with shared.connect() as conversation:
        assert calls(conversation, shared.admin_key, "behind-none") == "127.0.0.1"
    must_log(shared.server, "behind-none", "127.0.0.1")


def test_rows_and_log_show_whom_a_trusted_proxy_names(
    serve: Serve, installation: Installation
) -> None:
    server = serve(trusted_proxies=["127.0.0.1/32"])
    with connect(server) as conversation:
        assert calls(conversation, installation.admin_key, "behind-one") == "192.0.2.1"
    must_log(server, "behind-one", "192.0.2.1")
    with open_services(installation.location) as services:
        admin = services.identities.authenticate(installation.admin_key)
        networks = [ip_network("192.0.2.0/24")]
        limited = services.identities.add_key(admin, "admin", None, networks).api_key
    with connect(server) as conversation:  # the key is for whom the proxy speaks
        said = b"GET /v1/whoami HTTP/1.1\r\nHost: x\r\n"
        said += f"Authorization: Bearer {limited}\r\n".encode()
        assert conversation.say(said + FORWARDED + b"\r\n").hear().status == 200
        assert conversation.say(said + b"\r\n").hear().status == 403
    with connect(server) as conversation:  # no HTTP: what was forwarded has not been read
        said = b"GET / HTTP/1.1\r\n" + FORWARDED + b"X : y\r\n\r\n"
        assert conversation.say(said).hear().status == 400
    until(lambda: bool(logged(server, event="request_refused")))
    (line,) = logged(server, event="request_refused")
    assert (line["code"], line["address"]) == ("invalid_request", "127.0.0.1")


def test_behind_a_proxy_on_a_unix_socket_and_with_names_for_its_scraper(
    serve: Serve, installation: Installation, tmp_path: Path
) -> None:
    with open_services(installation.location) as services:
        admin = services.identities.authenticate(installation.admin_key)
        services.signers.create(admin, SignerDescription("named", KeyAlgorithm.P256, "Named"))
    server = serve(bind=f"unix:{tmp_path}/s", trusted_proxies=["unix"], metrics_named=True)
    plain = socket.socket(socket.AF_UNIX)
    plain.connect(f"{tmp_path}/s")
    with Conversation(plain) as conversation:
        assert calls(conversation, installation.admin_key, "behind-unix") == "192.0.2.1"
        assert names_of_signers(conversation) == {"named"}
    must_log(server, "behind-unix", "192.0.2.1")


def test_strangers_are_told_no_names_of_signers(shared: Shared) -> None:
    shared.make("/v1/signers", {"name": "secret", "key": "p256", "common_name": "Secret"})
    with shared.connect() as conversation:
        assert names_of_signers(conversation) == set()
        assert "secret" in names_of_signers(conversation, shared.authorization)
