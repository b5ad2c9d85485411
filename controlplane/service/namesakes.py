"""Signers of the built-in CA whose common names read the same."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from peewee import Database

from controlplane.domain.common_name import readings
from controlplane.errors import Code, Refused
from controlplane.store import signers


def refuse_common_name(database: Database, common_name: str, now: datetime) -> None:
    """Refused 409 common_name_used."""
    wanted = readings(common_name)
    for name, used in signers.common_names(database, now):
        if wanted & readings(used):
            raise Refused(
                Code.COMMON_NAME_USED,
                f"The signer {name!r} has the common name {used!r}, which reads the same: who "
                "verifies a signature could not tell them apart.",
            )


def find_namesakes(database: Database, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """The names of the others, by the name of each signer that has such: an earlier version gave
    them out."""
    by_reading: defaultdict[str, list[str]] = defaultdict(list)
    for name, used in signers.common_names(database, now):
        for reading in readings(used):
            by_reading[reading].append(name)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for names in by_reading.values():
        if len(names) > 1:
            for name in names:
                found[name].update(names)
    return {name: tuple(sorted(names - {name})) for name, names in found.items()}
