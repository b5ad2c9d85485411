"""Tokens that hold a public key of the test's choosing, so that it can make any signature."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealwright import _native
from sealwright.cryptoki import CKA, CKK, CKO, CKR
from sealwright.pkcs11 import Object, Value, as_mechanism, check, return_value, template
from tests.conftest import Environment
from tests.gateway import Answer, Request, gateway_to, json_message
from tests.module.providers import CURVES, PIN, SOFTHSM, initialised, public_key
from tests.server import ControlPlane

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

TOKEN = "p256"
"""The one whose key is exchanged; any kind of key may come into it."""


@dataclass(frozen=True)
class Verifier:
    """A public key object, asked for its opinion."""

    key: Object

    def judge(self, mechanism: int | _native.Mechanism, data: bytes, signature: bytes) -> int:
        """What C_Verify returns."""
        session, native = self.key.session, self.key.session.module.native
        begun = native.verify_init(session.handle, as_mechanism(mechanism), self.key.handle)
        check("C_VerifyInit", begun)
        return return_value(native.verify(session.handle, data, signature))

    def accepts(self, mechanism: int | _native.Mechanism, data: bytes, signature: bytes) -> bool:
        rv = self.judge(mechanism, data, signature)
        assert rv in (CKR.OK, CKR.SIGNATURE_INVALID)
        return rv == CKR.OK


@dataclass
class Verifiers:
    """Makes a token with a chosen key, one at a time."""

    provider_file: Path
    environment: Environment
    control_plane: ControlPlane
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def is_softhsm(self) -> bool:
        return self.provider_file == SOFTHSM

    def of(self, key: PublicKey) -> Verifier:
        """The one before is of no use any more."""
        self.close()
        if self.is_softhsm:
            return self._open.enter_context(_imported(key))
        return self._open.enter_context(self._exchanged(key))

    def close(self) -> None:
        self._open.close()

    @contextmanager
    def _exchanged(self, key: PublicKey) -> Iterator[Verifier]:
        with gateway_to(self.control_plane, _with_key(key)) as gateway:
            self.environment.set(url=gateway.url)
            with initialised(self.provider_file) as module, module.slot(TOKEN).open() as session:
                yield Verifier(public_key(session))


def _with_key(key: PublicKey) -> Answer:
    """The list of signers as the control plane gives it, but for this key."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def answer(request: Request, answer: bytes) -> bytes:
        if request.path != "/v1/catalogue":
            return answer
        catalogue = json.loads(answer.partition(b"\r\n\r\n")[2])
        for signer in catalogue["signers"]:
            if signer["name"] == TOKEN:
                signer["public_key"] = base64.b64encode(spki).decode()
        return json_message(200, json.dumps(catalogue).encode())

    return answer


@contextmanager
def _imported(key: PublicKey) -> Iterator[Verifier]:
    with initialised(SOFTHSM) as module, module.slot(TOKEN).open() as session:
        session.login(PIN)
        rv, handle = module.native.create_object(session.handle, template(values_of(key)))
        check("C_CreateObject", rv)
        yield Verifier(Object(session, handle))


def values_of(key: PublicKey) -> dict[int, Value | None]:
    """What C_CreateObject makes a session key of."""
    common: dict[int, Value | None] = {
        CKA.CLASS: CKO.PUBLIC_KEY,
        CKA.TOKEN: False,
        CKA.PRIVATE: False,
        CKA.VERIFY: True,
    }
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return common | {
            CKA.KEY_TYPE: CKK.RSA,
            CKA.MODULUS: numbers.n.to_bytes(key.key_size // 8),
            CKA.PUBLIC_EXPONENT: numbers.e.to_bytes(3),
        }
    (parameters,) = (oid for oid, curve in CURVES.values() if curve.name == key.curve.name)
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    header = bytes([4, len(point)]) if len(point) < 0x80 else bytes([4, 0x81, len(point)])
    return common | {
        CKA.KEY_TYPE: CKK.EC,
        CKA.EC_PARAMS: parameters,
        CKA.EC_POINT: header + point,
    }
