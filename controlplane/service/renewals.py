"""New key pairs and certificates for signers: because an admin says so, or because it is time."""

from datetime import datetime, timedelta

from peewee import Database

from controlplane.domain.action import Action
from controlplane.domain.duration import spell
from controlplane.domain.keys import KeyedSigner, KeyReference, Purpose
from controlplane.domain.model import Caller, Certificate
from controlplane.domain.operation import Details
from controlplane.domain.renewal import days_again, is_due
from controlplane.domain.settings import RENEW_BEFORE
from controlplane.errors import Code, Refused
from controlplane.keys.backend import KeyBackend
from controlplane.service.authority import Authority
from controlplane.service.changes import record
from controlplane.service.time import Time
from controlplane.store import signers
from controlplane.store.database import Store
from controlplane.store.settings import read_setting

_GAIN = timedelta(days=1)  # that a new certificate lasts longer, at least


class Renewals:
    """Nothing that guards a signer changes with its key: not its subject, its policy, its members;
    so nobody is asked. Whether any are made is a setting, which admins change."""

    def __init__(self, store: Store, keys: KeyBackend, authority: Authority, time: Time) -> None:
        self._store = store
        self._keys = keys
        self._authority = authority
        self._time = time

    def renew_due(self) -> None:
        """Each that `renew-before` says; nobody's act. Refused clock_behind; and where some could
        not be renewed, after the others were."""
        self._time.check()
        with self._store.read() as database:
            due = find_due(database, self._time())
        failed = list[Refused]()
        for each in due:
            try:
                self._renew(each)
            except Refused as refused:
                title = f"{each.signer.name} was not renewed: {refused.cause or refused.title}"
                failed.append(Refused(refused.code, title))
        if failed:
            raise Refused(failed[0].code, " ".join(each.title for each in failed))

    def _renew(self, found: KeyedSigner) -> None:
        """Unless somebody was first."""
        signer, before = found.signer, found.signer.certificate
        if before is None:
            return
        if not signer.external:
            self._require_gain(before)
        key = self._keys.generate(signer.key, signer.id, Purpose.SIGNER)
        certificate = None
        if not signer.external:
            days = days_again(before)
            certificate = self._authority.issue(key.public_key, signer.subject, days)
        with self._store.change() as database:
            at = self._time()
            span = read_setting(database, RENEW_BEFORE)
            stored = signers.find(database, signer.name, at)
            if stored is not None and stored.key == found.key and is_due(stored, span, at):
                by = f"{RENEW_BEFORE.name} {spell(round(span.total_seconds()))}"
                renew(database, None, stored, key, certificate, at, {"by": by})

    def _require_gain(self, before: Certificate) -> None:
        """Before a key is made. Refused issuer_ends."""
        end = self._authority.usable_until()
        if end < before.usable_until + _GAIN:
            raise Refused(
                Code.ISSUER_ENDS,
                f"The built-in CA certifies nothing beyond {end:%Y-%m-%dT%H:%M:%SZ}.",
            )


def renew(
    database: Database,
    caller: Caller | None,
    stored: KeyedSigner,
    key: KeyReference,
    certificate: Certificate | None,
    at: datetime,
    more: Details,
) -> None:
    """From now on it signs with this key and certificate; without one, the key waits for it.
    `caller` None: the server by itself. `more`: details of the row."""
    signers.insert_key(database, key, at)
    if certificate is None:
        signers.set_next_key(database, stored, key)
    else:
        signers.use_certificate(database, stored, key, certificate, at)
    name = stored.signer.name
    details: Details = {"certificate_serial": certificate.serial if certificate else None, **more}
    record(database, caller, Action.SIGNER_RENEW, name, at=at, signer=name, details=details)


def find_due(database: Database, at: datetime) -> list[KeyedSigner]:
    """By number."""
    before = read_setting(database, RENEW_BEFORE)
    found = signers.list_after(database, 0, None, at, seen_by=None)
    return [each for each in found if is_due(each, before, at)]
