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
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.algorithms.kinds import is_ours
from controlplane.algorithms.scheme import PrivateKey
from controlplane.domain.identifier import new_id
from controlplane.domain.keys import KeyReference, Purpose
from controlplane.domain.model import KeyAlgorithm, SignCall
from controlplane.keys.backend import KeyUnusableError
from controlplane.keys.master_key import MasterKey

_VERSION = b"\x01"
_NONCE_OCTETS = 12
_MOST_OPEN = 1024  # keys in memory


class EncryptedKeys:
    """Implements KeyBackend. Threads share it."""

    def __init__(self, master_key: MasterKey) -> None:
        self._cipher = AESGCM(master_key.derive("private keys"))
        self._lock = Lock()
        self._open: OrderedDict[tuple[str, bytes, Purpose], PrivateKey] = OrderedDict()

    def generate(self, algorithm: KeyAlgorithm, owner: str, purpose: Purpose) -> KeyReference:
        private = algorithm.kind.generate()
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
        return call.scheme.rules.sign(self.open(key), call)

    def is_slow(self, algorithm: KeyAlgorithm) -> bool:
        return algorithm.kind.is_slow

    def open(self, key: KeyReference) -> PrivateKey:
        bound = (key.owner, key.public_key, key.purpose)
        with self._lock:
            known = self._open.get(bound)
            if known is not None:
                self._open.move_to_end(bound)
                return known
        opened = self._unseal(key, _binding(*bound))
        with self._lock:
            self._open[bound] = opened
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
        if not is_ours(private):
            raise KeyUnusableError(f"The key {key.id} is of a kind unknown here.")
        return private


def _binding(owner: str, public_key: bytes, purpose: Purpose) -> bytes:
    return b"\0".join([owner.encode(), hashlib.sha256(public_key).digest(), purpose.encode()])
