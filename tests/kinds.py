"""What there is to sign with each kind of key in the server's table, and whether it verifies."""

import base64
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from controlplane.algorithms.kinds import KeyAlgorithm, Scheme
from controlplane.domain.model import EcdsaEncoding, HashAlgorithm, PssParameters, SignCall
from tests.world import a_call

MESSAGE = b"release.jar"
DIGEST = hashlib.sha256(MESSAGE).digest()
PSS_SALT = 32

QUICK = [each for each in KeyAlgorithm if not each.kind.is_slow]


def schemes_of(key: KeyAlgorithm) -> list[Scheme]:
    return [Scheme(each.name) for each in key.kind.schemes]


def a_call_with(scheme: Scheme) -> SignCall:
    """That has what the scheme takes."""
    takes, hash_ = scheme.rules.fields, scheme.rules.message_hash
    return a_call(
        scheme=scheme,
        hash=HashAlgorithm.NONE if hash_ else HashAlgorithm.SHA256,
        digest=DIGEST if hash_ is None else hashlib.new(hash_, MESSAGE).digest(),
        message=None if hash_ is None else MESSAGE,
        pss=PssParameters(HashAlgorithm.SHA256, PSS_SALT) if "pss" in takes else None,
        ecdsa_encoding=EcdsaEncoding.DER if "ecdsa_encoding" in takes else None,
    )


def a_body_with(scheme: Scheme) -> dict[str, object]:
    """The same over HTTP."""
    call = a_call_with(scheme)
    body: dict[str, object] = {"scheme": scheme.value, "hash": call.hash.value}
    if call.message is None:
        body["digest"] = base64.b64encode(call.digest).decode()
    else:
        body["message"] = base64.b64encode(call.message).decode()
    if call.pss is not None:
        body["pss"] = {"mgf_hash": call.pss.mgf_hash.value, "salt_length": PSS_SALT}
    return body


def verify(public_key: object, scheme: Scheme, signature: bytes) -> None:
    """Of `MESSAGE`; raises InvalidSignature."""
    if isinstance(public_key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), PSS_SALT)
        wrapped = pss if "pss" in scheme.rules.fields else padding.PKCS1v15()
        public_key.verify(signature, DIGEST, wrapped, Prehashed(hashes.SHA256()))
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        public_key.verify(signature, DIGEST, ec.ECDSA(Prehashed(hashes.SHA256())))
    else:
        public_key.verify(signature, MESSAGE)  # type: ignore[attr-defined]  # of an Edwards curve
