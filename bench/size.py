"""Whether a store that is full is as quick as one that is empty."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench import api, load, rows, signing, systems
from bench.systems import System
from bench.table import Goal, Row, row, take_turns
from controlplane.domain.action import Action
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import now
from controlplane.domain.keys import KeyedSigner, Purpose
from controlplane.domain.model import KeyAlgorithm, MemberRole, Signer
from controlplane.keys.encrypted import EncryptedKeys
from controlplane.keys.master_key import load_master_key
from controlplane.service.authority import Authority
from controlplane.service.changes import record
from controlplane.service.installation import proven_store
from controlplane.service.location import Location
from controlplane.store import identities, members, signers
from controlplane.store.database import Store

SIGNERS = 10_000
_DAYS = 365
_GOAL = Goal(1.1, at_least=False)
_MEMORY_GOAL = Goal(150, at_least=False)


def measure(
    small: System, full: System, rows_of_log: int, seconds: float, rounds: int
) -> Iterator[Row]:
    """`small` has a few rows and two signers; `full` gets `rows_of_log` and SIGNERS, all of them
    visible to who signs."""
    store = proven_store(Location(full.data))
    add_signers(store, Location(full.data), SIGNERS)
    rows.fill(store, rows_of_log, systems.MACHINE, "p256")
    named = f"{rows_of_log:,} rows, {SIGNERS:,} signers"
    for key in systems.KEYS:
        one, other = take_turns(
            rounds,
            *(
                partial(load.measure, api.sign_load(system, key, 1, seconds))
                for system in (full, small)
            ),
        )
        yield row(
            f"{key}, {named}: median of one caller",
            one.p50_ms,
            "ms",
            times=one.times,
            beside=("an empty store", other.p50_ms),
            other_times=other.times,
            goal=_GOAL,
        )
    signing.measure(full, "p256", 8, seconds)  # reads the list of all signers too
    load.measure(api.sign_load(full, "p256", api.CONNECTIONS, seconds))
    for system, name in ((small, "an empty store"), (full, named)):
        _, *workers = systems.processes(system.server)
        peak = max(systems.peak_mib(worker) for worker in workers)
        yield row(f"peak memory of a worker, {name}", peak, "MiB", goal=_MEMORY_GOAL)


def add_signers(store: Store, location: Location, number: int) -> None:
    """In one change, with the machine that signs as a member of each."""
    keys = EncryptedKeys(load_master_key(location.master_key_path))
    authority = Authority(store, keys, now)
    at = now()
    made = []
    for count in range(number):
        signer_id = new_id()
        key = keys.generate(KeyAlgorithm.P256, signer_id, Purpose.SIGNER)
        name = f"signer-{count}"
        signer = Signer(
            id=signer_id,
            number=count,
            name=name,
            key=KeyAlgorithm.P256,
            common_name=name,
            external=False,
            disabled=False,
            public_key=key.public_key,
            certificate=None,
            policy=None,
            created_at=at,
        )
        made.append((signer, key, authority.issue(key.public_key, signer.subject, _DAYS)))
    with store.closing(), store.change() as database:
        machine = identities.find(database, systems.MACHINE)
        if machine is None:
            raise RuntimeError("there is nobody to sign")
        first = signers.next_number(database)
        for signer, key, certificate in made:
            signer = replace(signer, number=first + signer.number)
            signers.insert(database, signer, key)
            stored = KeyedSigner(signer, key, None)
            signers.use_certificate(database, stored, key, certificate, at)
            members.put(database, signer, machine, MemberRole.OPERATOR, at)
        record(database, None, Action.SIGNER_CREATE, "many", at=at)
