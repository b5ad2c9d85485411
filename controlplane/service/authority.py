"""The built-in CA of this installation."""

from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from peewee import Database

from controlplane.certificates.authority import Issuer, issue_leaf, make_intermediate, make_root
from controlplane.certificates.reading import parse_certificate, to_pem
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import Clock
from controlplane.domain.keys import Purpose
from controlplane.domain.model import Certificate, KeyAlgorithm
from controlplane.domain.subject import Subject
from controlplane.keys.backend import KeyBackend
from controlplane.store import authorities
from controlplane.store.authorities import StoredAuthority

_ALGORITHM = KeyAlgorithm.P384


def create_authority(database: Database, keys: KeyBackend, at: datetime) -> None:
    root_key = keys.generate(_ALGORITHM, new_id(), Purpose.AUTHORITY)
    root = make_root(keys.open(root_key), at)
    key = keys.generate(_ALGORITHM, new_id(), Purpose.AUTHORITY)
    issuer = Issuer(keys.open(root_key), (root,))
    intermediate = make_intermediate(issuer, keys.open(key).public_key(), at)
    for position, (certificate, reference) in enumerate([(root, root_key), (intermediate, key)]):
        der = certificate.public_bytes(Encoding.DER)
        authorities.insert(database, position, StoredAuthority(der, reference))


class Authority:
    def __init__(self, keys: KeyBackend, stored: list[StoredAuthority], clock: Clock) -> None:
        """`stored`: root first."""
        self._keys = keys
        self._clock = clock
        self._issuing = stored[-1]
        self._chain = tuple(each.certificate for each in reversed(stored))

    def issue(self, public_key: bytes, subject: Subject, days: int) -> Certificate:
        """`public_key`: DER SubjectPublicKeyInfo."""
        chain = tuple(parse_certificate(der) for der in self._chain)
        issuer = Issuer(self._keys.open(self._issuing.key), chain)
        return issue_leaf(issuer, public_key, subject, days, self._clock())

    def pem(self) -> str:
        """The intermediate, then the root."""
        return "".join(to_pem(der) for der in self._chain)
