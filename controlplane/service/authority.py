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
from controlplane.store.database import Store

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
    """Read when it is asked for something: so that who asks it for nothing does not rest on it."""

    def __init__(self, store: Store, keys: KeyBackend, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    def issue(self, public_key: bytes, subject: Subject, days: int) -> Certificate:
        """`public_key`: DER SubjectPublicKeyInfo."""
        stored = self._load()
        chain = tuple(parse_certificate(each.certificate) for each in stored)
        issuer = Issuer(self._keys.open(stored[0].key), chain)
        return issue_leaf(issuer, public_key, subject, days, self._clock())

    def usable_until(self) -> datetime:
        """No certificate that it issues lasts longer."""
        return min(parse_certificate(each.certificate).not_valid_after_utc for each in self._load())

    def pem(self) -> str:
        """The intermediate, then the root."""
        return "".join(to_pem(each.certificate) for each in self._load())

    def _load(self) -> list[StoredAuthority]:
        """The one that issues first, root last."""
        with self._store.read() as database:
            return authorities.load_all(database)[::-1]
