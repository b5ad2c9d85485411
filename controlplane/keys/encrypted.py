"""The key backend that keeps private keys encrypted in the store, and signs in this process.

A handle is one octet of version, a nonce, and the PKCS#8 DER under AES-256-GCM. The associated
data binds it to its owner, public key and purpose: a handle moved to another row is of no use.
"""

import hashlib
import os
from collections import OrderedDict
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.domain.identifier import new_id
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import KeyAlgorithm, SignCall
from controlplane.keys.backend import KeyUnusableError, PrivateKey
from controlplane.keys.master_key import MasterKey
from controlplane.keys.signature import sign_digest

_VERSION = b"\x01"
_NONCE_OCTETS = 12
_MOST_OPEN = 1024  # keys in memory
_PUBLIC_EXPONENT = 65537

_RSA_BITS = {KeyAlgorithm.RSA_2048: 2048, KeyAlgorithm.RSA_3072: 3072, KeyAlgorithm.RSA_4096: 4096}
_CURVES = {
    KeyAlgorithm.P256: ec.SECP256R1(),
    KeyAlgorithm.P384: ec.SECP384R1(),
    KeyAlgorithm.P521: ec.SECP521R1(),
}


class EncryptedKeys:
    """Implements KeyBackend. Threads share it."""

    def __init__(self, master_key: MasterKey) -> None:
        self._cipher = AESGCM(master_key.derive("private keys"))
        self._lock = Lock()
        self._open: OrderedDict[bytes, PrivateKey] = OrderedDict()

    def generate(self, algorithm: KeyAlgorithm, owner: str, purpose: Purpose) -> KeyReference:
        private = _generate(algorithm)
        public = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        secret = private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        nonce = os.urandom(_NONCE_OCTETS)
        sealed = self._cipher.encrypt(nonce, secret, _binding(owner, public, purpose))
        return KeyReference(new_id(), owner, purpose, public, _VERSION + nonce + sealed)

    def sign(self, key: KeyReference, call: SignCall) -> bytes:
        return sign_digest(self.open(key), call)

    def is_slow(self, algorithm: KeyAlgorithm) -> bool:
        """RSA-4096 takes 2 ms, three times as long as the next."""
        return algorithm is KeyAlgorithm.RSA_4096

    def open(self, key: KeyReference) -> PrivateKey:
        binding = _binding(key.owner, key.public_key, key.purpose)
        with self._lock:
            known = self._open.get(binding)
            if known is not None:
                self._open.move_to_end(binding)
                return known
        opened = self._unseal(key, binding)
        with self._lock:
            self._open[binding] = opened
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return opened

    def forget(self) -> None:
        with self._lock:
            self._open.clear()

    def _unseal(self, key: KeyReference, binding: bytes) -> PrivateKey:
        version, rest = key.handle[:1], key.handle[1:]
        if version != _VERSION:
            raise KeyUnusableError(f"The key {key.id} is stored in a form unknown here.")
        try:
            secret = self._cipher.decrypt(rest[:_NONCE_OCTETS], rest[_NONCE_OCTETS:], binding)
        except (InvalidTag, ValueError):
            raise KeyUnusableError(f"The key {key.id} does not open: it was changed.") from None
        # The cipher vouches for the key; checking RSA keys again would take longer than signing.
        private = serialization.load_der_private_key(
            secret, password=None, unsafe_skip_rsa_key_validation=True
        )
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise KeyUnusableError(f"The key {key.id} is neither RSA nor EC.")
        return private


def _generate(algorithm: KeyAlgorithm) -> PrivateKey:
    if algorithm.is_rsa:
        return rsa.generate_private_key(_PUBLIC_EXPONENT, _RSA_BITS[algorithm])
    return ec.generate_private_key(_CURVES[algorithm])


def _binding(owner: str, public_key: bytes, purpose: Purpose) -> bytes:
    return b"\0".join([owner.encode(), hashlib.sha256(public_key).digest(), purpose.encode()])
