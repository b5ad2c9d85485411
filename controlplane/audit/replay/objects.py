"""Objects under the names that rows call them, with as many of their fields as rows tell."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from controlplane.domain.operation import Details, DetailValue

Name = tuple[str, ...]
"""A noun, and what tells one from the others: `("member", "release", "ci")`."""


@dataclass(slots=True)
class Told:
    """`made`: the sequence number of the row that made it; `since`: of the rows that told a field
    later. Times are text, as in the tables."""

    made: int
    fields: dict[str, DetailValue]
    since: dict[str, int] = field(default_factory=dict)

    def row_of(self, name: str) -> int:
        """That told this field last."""
        return self.since.get(name, self.made)


class Objects:
    """Those that there are after the rows that were taken so far."""

    def __init__(self) -> None:
        self._told: dict[Name, Told] = {}
        self._parts: defaultdict[Name, set[Name]] = defaultdict(set)

    def __getitem__(self, name: Name) -> Details:
        """Its fields; none of one that no row made."""
        told = self._told.get(name)
        return {} if told is None else told.fields

    def __contains__(self, name: Name) -> bool:
        return name in self._told

    def make(self, name: Name, row: int, fields: Details, part_of: Name | None = None) -> None:
        """`part_of`: the object with which it can go."""
        self._told[name] = Told(row, dict(fields))
        if part_of is not None:
            self._parts[part_of].add(name)

    def tell(self, name: Name, row: int, fields: Details) -> None:
        """More of one that was made; nothing of any other, which the tables cannot have either."""
        told = self._told.get(name)
        if told is not None:
            told.fields |= fields
            told.since |= dict.fromkeys(fields, row)

    def doubt(self, name: Name, *fields: str) -> None:
        """From now on these fields can be anything."""
        told = self._told.get(name)
        if told is not None:
            for each in fields:
                told.fields.pop(each, None)

    def drop(self, name: Name) -> None:
        """With its parts."""
        for part in self.parts(name):
            self.drop(part)
        self._parts.pop(name, None)
        self._told.pop(name, None)

    def parts(self, name: Name, noun: str | None = None) -> tuple[Name, ...]:
        """Those that there are still; with `noun` those alone."""
        found = self._parts.get(name, ())
        return tuple(
            each for each in sorted(found) if each in self._told and noun in (None, each[0])
        )

    def pop(self, name: Name) -> Told | None:
        return self._told.pop(name, None)

    def left(self) -> Iterator[tuple[Name, Told]]:
        yield from self._told.items()
