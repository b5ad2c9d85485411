"""What the person at a tool sees when a signer does not sign: one line that says what to do,
whatever road the tool takes to the module, and however little the tool itself says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.module.foreign_authority import certify
from tests.server import ControlPlane
from tests.tools.artifacts import make_exe
from tests.tools.tool import Ended, Workbench

UNUSED_NUMBER = 2_000_000_000


@dataclass(frozen=True)
class Wish:
    """To sign with that signer, with that key."""

    api_key: str
    signer: str
    number: int


# Roads: how a tool gets to a signer.


def jarsigner_by_slot(bench: Workbench, wish: Wish) -> Ended:
    return _jarsigner(bench, f"slot = {wish.number}")


def jarsigner_by_list_index(bench: Workbench, _: Wish) -> Ended:
    return _jarsigner(bench, "slotListIndex = 0")


def _jarsigner(bench: Workbench, which: str) -> Ended:
    settings = f"name = Sealwright\nlibrary = {bench.module}\n{which}\n"
    store = ["-keystore", "NONE", "-storetype", "PKCS11", "-protected"]
    file = bench.write("sealwright.cfg", settings.encode())
    provider: list[str | Path] = ["-addprovider", "SunPKCS11", "-providerArg", file]
    return bench.run("jarsigner", *store, *provider, bench.jar("app"), "alias")


def pkcs11_tool_by_slot(bench: Workbench, wish: Wish) -> Ended:
    return _pkcs11_tool(bench, "--slot", str(wish.number))


def pkcs11_tool_by_label(bench: Workbench, wish: Wish) -> Ended:
    return _pkcs11_tool(bench, "--token-label", wish.signer)


def _pkcs11_tool(bench: Workbench, *which: str) -> Ended:
    files: list[str | Path] = ["-i", bench.write("data", b"data"), "-o", bench.folder / "signature"]
    how = ["--sign", "--mechanism", "ECDSA-SHA256"]
    return bench.run("pkcs11-tool", "--module", bench.module, *which, *how, *files)


def osslsigncode(bench: Workbench, wish: Wish) -> Ended:
    uri = f"pkcs11:token={wish.signer}"
    keys: list[str | Path] = ["-pkcs11module", bench.module, "-pkcs11cert", uri, "-key", uri]
    files: list[str | Path] = [
        "-in",
        make_exe(bench, "app.exe"),
        "-out",
        bench.folder / "signed.exe",
    ]
    return bench.run("osslsigncode", "sign", *keys, *files)


def openssl_by_engine(bench: Workbench, wish: Wish) -> Ended:
    named = dict(bench.environment) | {"PKCS11_MODULE_PATH": str(bench.module)}
    bench = Workbench(bench.folder, bench.module, named)
    key = ["-engine", "pkcs11", "-keyform", "engine", "-sign", f"pkcs11:token={wish.signer}"]
    return bench.run("openssl", "dgst", "-sha256", *key, bench.write("data", b"data"))


BY_NUMBER = (jarsigner_by_slot, pkcs11_tool_by_slot)
ROADS = (
    *BY_NUMBER,
    jarsigner_by_list_index,
    pkcs11_tool_by_label,
    osslsigncode,
    openssl_by_engine,
)

# Reasons: why the signer does not sign. Each has a signer, and a machine that sees no other.


def no_key(plane: ControlPlane) -> Wish:
    return Wish("", "release", plane.create_signer("no-key", "p256").number)


def key_revoked(plane: ControlPlane) -> Wish:
    wish = _operator(plane, "key-revoked")
    (key,) = plane.client().identity("of-key-revoked").value.keys or []
    plane.client().revoke_key("of-key-revoked", key.id)
    return wish


def disabled(plane: ControlPlane) -> Wish:
    wish = _operator(plane, "is-disabled")
    plane.client().disable_signer(wish.signer)
    return wish


def pending(plane: ControlPlane) -> Wish:
    return _operator(plane, "is-pending", external=True)


def expired(plane: ControlPlane) -> Wish:
    wish, admin = _operator(plane, "is-expired", external=True), plane.client()
    request = admin.signing_request(wish.signer).value.csr.encode()
    chain = certify(request, valid_for=timedelta(seconds=2))
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    admin.install_certificate(wish.signer, pem.decode())
    while admin.signer(wish.signer).value.status != "expired":
        time.sleep(0.1)
    return wish


def deleted(plane: ControlPlane) -> Wish:
    wish = _operator(plane, "was-deleted")
    plane.client().disable_signer(wish.signer)
    plane.client().delete_signer(wish.signer, 0)
    return wish


def member_of_nothing(plane: ControlPlane) -> Wish:
    number = plane.create_signer("of-others", "p256").number
    return Wish(plane.create_machine("a-stranger"), "of-others", number)


def no_such_number(plane: ControlPlane) -> Wish:
    wish = _operator(plane, "has-another-number")
    return Wish(wish.api_key, wish.signer, UNUSED_NUMBER)


def not_a_member(plane: ControlPlane) -> Wish:
    wish = _operator(plane, "of-its-own")
    return Wish(wish.api_key, "not-its-own", plane.create_signer("not-its-own", "p256").number)


def _operator(plane: ControlPlane, signer: str, *, external: bool = False) -> Wish:
    api_key, admin = plane.create_machine(f"of-{signer}"), plane.client()
    number = admin.create_signer(signer, "p256", f"ACME {signer}", external=external).value.number
    admin.add_member(signer, f"of-{signer}", "operator")
    return Wish(api_key, signer, number)


Reason = Callable[[ControlPlane], Wish]
NOTHING_TO_SEE = "this API key is a member of no signer; who administers one can add it"
SAID: dict[Reason, str] = {
    no_key: "no slots: set SEALWRIGHT_API_KEY (or api_key_file in pkcs11.toml), or name signers",
    key_revoked: "no list of signers: This API key of of-key-revoked is revoked; an admin "
    "gives out a new one: sealwright identity key add NAME",
    disabled: 'signer "is-disabled" is disabled; who administers it can change that: sealwright'
    " signer enable is-disabled",
    pending: 'signer "is-pending" has no certificate yet: sealwright signer install-certificate'
    " is-pending --chain FILE",
    expired: 'signer "is-expired": the certificate expired on ',
    deleted: NOTHING_TO_SEE,
    member_of_nothing: NOTHING_TO_SEE,
}
SAID_OF_A_NUMBER: dict[Reason, str] = {
    no_such_number: "this API key is no member of it; it sees has-another-number (",
    not_a_member: "this API key is no member of it; it sees of-its-own (",
}
"""A tool that looks for a label among the tokens that are there says by itself that it is not."""


@pytest.fixture(scope="module")
def wishes(control_plane: ControlPlane) -> dict[Reason, Wish]:
    return {reason: reason(control_plane) for reason in (*SAID, *SAID_OF_A_NUMBER)}


@pytest.mark.parametrize("road", ROADS)
def test_the_reason_is_one_line_on_every_road(
    workbench: Workbench, wishes: dict[Reason, Wish], road: Callable[[Workbench, Wish], Ended]
) -> None:
    expected = SAID | (SAID_OF_A_NUMBER if road in BY_NUMBER else {})
    seen = {}
    for reason in expected:
        folder = workbench.folder / reason.__name__
        folder.mkdir()
        bench = Workbench(folder, workbench.module, workbench.environment)
        ended = road(bench.with_variables(api_key=wishes[reason].api_key), wishes[reason])
        assert ended.code != 0, reason
        seen[reason] = [line for line in ended.err.splitlines() if line.startswith("sealwright: ")]
    for reason, line in expected.items():
        (said,) = seen[reason]
        assert line in said, seen
