"""What timestamps are signed with: an authority under the root of the built-in CA, and units that
it certifies, one after the other. Made when it is needed first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from peewee import Database

from controlplane.certificates.authority import (
    Issuer,
    issue_timestamping_leaf,
    make_timestamping_intermediate,
)
from controlplane.certificates.reading import format_serial, parse_certificate
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import to_text
from controlplane.domain.keys import Purpose
from controlplane.domain.model import KeyAlgorithm
from controlplane.keys.backend import KeyBackend, KeyUnusableError
from controlplane.service.changes import record
from controlplane.store import authorities, timestamping
from controlplane.store.database import move_epoch
from controlplane.store.timestamping import Role, TimestampingKey
from controlplane.timestamps.token import Unit

UNIT_DAYS = 450
"""That a unit signs: never more than 15 months (CSBR 6.3.2)."""

_AUTHORITY_ALGORITHM = KeyAlgorithm.P384
_UNIT_ALGORITHM = KeyAlgorithm.P256


def is_due(database: Database, now: datetime) -> bool:
    """Whether a unit has signed for as long as it may; False where there is none."""
    newest = _newest_unit(timestamping.load_all(database))
    return newest is not None and _has_signed_long_enough(newest, now)


def find_unit(database: Database, keys: KeyBackend, now: datetime) -> Unit | None:
    """The one that signs now; None: it has to be made. Raises KeyUnusableError."""
    stored = timestamping.load_all(database)
    newest = _newest_unit(stored)
    if newest is None or newest.key is None or _has_signed_long_enough(newest, now):
        return None
    authority = next(each for each in reversed(stored) if each.role is Role.AUTHORITY)
    key = keys.open(newest.key)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyUnusableError(f"The key {newest.key.id} is of another kind than was made.")
    chain = (parse_certificate(newest.certificate), parse_certificate(authority.certificate))
    return Unit(key, chain)


def renew(database: Database, keys: KeyBackend, at: datetime) -> None:
    """Within a write: a new unit in the place of all that there were, whose keys are destroyed, and
    its row. Raises KeyUnusableError."""
    move_epoch(database)
    stored = timestamping.load_all(database)
    authority = next((each for each in stored if each.role is Role.AUTHORITY), None)
    issuer = _make_authority(database, keys, at) if authority is None else _open(keys, authority)
    former = [each for each in stored if each.role is Role.UNIT and each.key is not None]
    for each in former:
        timestamping.destroy(database, each.id)
    key = keys.generate(_UNIT_ALGORITHM, new_id(), Purpose.TIMESTAMPING)
    certificate = issue_timestamping_leaf(issuer, keys.open(key).public_key(), at)
    der = certificate.public_bytes(Encoding.DER)
    timestamping.insert(database, Role.UNIT, der, key, at)
    details = {
        "certificate_serial": format_serial(certificate.serial_number),
        "not_after": to_text(certificate.not_valid_after_utc),
        "authority_serial": format_serial(issuer.chain[0].serial_number),
        "destroyed": " ".join(each.id for each in former) or None,
    }
    record(database, None, Action.TIMESTAMPING_RENEW, key.owner, at=at, details=details)


def _newest_unit(stored: Sequence[TimestampingKey]) -> TimestampingKey | None:
    return next((each for each in reversed(stored) if each.role is Role.UNIT), None)


def _has_signed_long_enough(unit: TimestampingKey, now: datetime) -> bool:
    return now >= unit.created_at + timedelta(days=UNIT_DAYS)


def _make_authority(database: Database, keys: KeyBackend, at: datetime) -> Issuer:
    root = authorities.load_all(database)[0]
    issuer = Issuer(keys.open(root.key), (parse_certificate(root.certificate),))
    key = keys.generate(_AUTHORITY_ALGORITHM, new_id(), Purpose.TIMESTAMPING)
    opened = keys.open(key)
    certificate = make_timestamping_intermediate(issuer, opened.public_key(), at)
    der = certificate.public_bytes(Encoding.DER)
    timestamping.insert(database, Role.AUTHORITY, der, key, at)
    return Issuer(opened, (certificate, *issuer.chain))


def _open(keys: KeyBackend, authority: TimestampingKey) -> Issuer:
    if authority.key is None:
        raise KeyUnusableError(f"The key of the authority {authority.id} is gone.")
    return Issuer(keys.open(authority.key), (parse_certificate(authority.certificate),))
