"""Modules with the same keys behind them, so that one test asks both of them the same."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sealwright.cryptoki import CKA, CKK, CKM, CKO
from sealwright.pkcs11 import Module, Object, Session, Slot, Value, as_mechanism, check, template

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "1234"
CURVES: Mapping[str, tuple[bytes, ec.EllipticCurve]] = {
    "p256": (bytes.fromhex("06082a8648ce3d030107"), ec.SECP256R1()),
    "p384": (bytes.fromhex("06052b81040022"), ec.SECP384R1()),
    "p521": (bytes.fromhex("06052b81040023"), ec.SECP521R1()),
}
"""CKA_EC_PARAMS (the DER of the curve's name) of each curve."""
EDWARDS25519 = bytes([0x13, 12]) + b"edwards25519"
"""CKA_EC_PARAMS of Ed25519: the name as PrintableString (PKCS#11 v3.0 mechanisms §2.3.5)."""

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Provider:
    """An initialised module; each token is named after the kind of key that it holds."""

    name: str
    module: Module
    pin: str | None

    @property
    def is_sealwright(self) -> bool:
        return self.name == "sealwright"

    def slot(self, key: str) -> Slot:
        return self.module.slot(key)

    def open(self, key: str, *, read_write: bool = False) -> Session:
        """A session that sees the private key."""
        session = self.slot(key).open(read_write=read_write)
        if self.pin is not None:
            session.login(self.pin)
        return session


def private_key(session: Session) -> Object:
    return session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})


def public_key(session: Session) -> Object:
    return session.find_one({CKA.CLASS: CKO.PUBLIC_KEY})


def type_of(key: str) -> CKK:
    """What kind the token of this name holds."""
    if key == "ed25519":
        return CKK.EC_EDWARDS
    return CKK.RSA if key.startswith("rsa-") else CKK.EC


def read_public_key(key: Object) -> PublicKey:
    """The key that the object's attributes describe."""
    if key.number(CKA.KEY_TYPE) == CKK.RSA:
        modulus, exponent = key.get(CKA.MODULUS, CKA.PUBLIC_EXPONENT)
        return rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()
    parameters, point = key.get(CKA.EC_PARAMS, CKA.EC_POINT)
    header = 2 if point[1] < 0x80 else 3  # DER OCTET STRING around the point
    assert point[0] == 0x04
    if key.number(CKA.KEY_TYPE) == CKK.EC_EDWARDS:
        assert parameters == EDWARDS25519
        return ed25519.Ed25519PublicKey.from_public_bytes(point[header:])
    (curve,) = (curve for encoded, curve in CURVES.values() if encoded == parameters)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[header:])


def make_softhsm_tokens(folder: Path, keys: tuple[str, ...]) -> Path:
    """A SoftHSM2 with one token a key; the configuration file that SOFTHSM2_CONF must name."""
    tokens = folder / "tokens"
    tokens.mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    for key in keys:
        pins = ["--so-pin", PIN, "--pin", PIN]
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", key, *pins],
            env={"SOFTHSM2_CONF": str(configuration)},
            check=True,
            capture_output=True,
        )
    return configuration


def generate_softhsm_keys(keys: tuple[str, ...]) -> None:
    """SOFTHSM2_CONF must be set in this process."""
    with Module(SOFTHSM) as module:
        for key in keys:
            with module.slot(key).open(read_write=True) as session:
                session.login(PIN)
                generate(session, key)


def generate(session: Session, key: str) -> None:
    named: dict[int, Value | None] = {CKA.LABEL: key, CKA.ID: b"\x01", CKA.TOKEN: True}
    kind: dict[int, Value | None]
    match type_of(key):
        case CKK.RSA:
            mechanism = CKM.RSA_PKCS_KEY_PAIR_GEN
            kind = {CKA.MODULUS_BITS: int(key[4:]), CKA.PUBLIC_EXPONENT: b"\x01\x00\x01"}
        case CKK.EC_EDWARDS:
            mechanism = CKM.EC_EDWARDS_KEY_PAIR_GEN
            kind = {CKA.EC_PARAMS: EDWARDS25519}
        case _:
            mechanism = CKM.EC_KEY_PAIR_GEN
            kind = {CKA.EC_PARAMS: CURVES[key][0]}
    rv, _, _ = session.module.native.generate_key_pair(
        session.handle,
        as_mechanism(mechanism),
        template({**named, **kind, CKA.VERIFY: True}),
        template({**named, CKA.SIGN: True, CKA.PRIVATE: True, CKA.SENSITIVE: True}),
    )
    check("C_GenerateKeyPair", rv)


@contextmanager
def initialised(path: Path) -> Iterator[Module]:
    """Finalises whatever a test did, even if it did that itself."""
    module = Module(path)
    module.initialize()
    try:
        yield module
    finally:
        module.native.finalize()
