"""The forms that a report has: each says how it begins, goes on and ends, in text, a page at a time
so that memory stays bounded."""

import csv
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Protocol

import msgspec

from sealwright.cli import report_text as text
from sealwright.cli import tabular
from sealwright.cli.tabular import ident, word
from sealwright.cli.text import printable_json
from sealwright.client.objects import Head, ReportedApproval, ReportedOperation


@dataclass(frozen=True, slots=True)
class About:
    """`filters`: what was asked for, by name. `changes`: it is one of changes, not of calls to
    sign. `head`: the end of the log at the time of the report."""

    filters: Sequence[tuple[str, str]]
    changes: bool
    head: Head


@dataclass(frozen=True, slots=True)
class Entry:
    """`json`: as the server sent it."""

    value: ReportedOperation
    json: bytes


class Form(Protocol):
    def begin(self, about: About) -> Iterator[str]: ...

    def page(self, entries: Sequence[Entry]) -> Iterator[str]: ...

    def end(self, count: int) -> Iterator[str]: ...


_Read = Callable[[ReportedOperation], object]

_OF_SIGNATURES: list[tuple[tabular.Column, _Read]] = [
    (word("sequence"), lambda it: it.sequence),
    (word("time", 2), lambda it: it.created_at),
    (tabular.text("signer"), lambda it: it.signer),
    (tabular.text("actor"), lambda it: it.actor),
    (word("outcome"), lambda it: it.reason or it.outcome),
    (tabular.text("from", 4), text.origin),
    (word("hash", 7), lambda it: it.hash),
    (word("digest", 9), text.digest_hex),
    (word("certificate", 8), lambda it: it.certificate_serial),
    (ident("grant", 5), lambda it: it.grant_id),
    (tabular.text("approved by", 1), text.approvers),
    (tabular.text("why", 3), text.why),
]
_OF_CHANGES: list[tuple[tabular.Column, _Read]] = [
    (word("sequence"), lambda it: it.sequence),
    (word("time", 1), lambda it: it.created_at),
    (tabular.text("action"), lambda it: it.action),
    (tabular.text("object"), lambda it: it.object),
    (tabular.text("signer", 4), lambda it: it.signer),
    (tabular.text("actor"), lambda it: it.actor),
    (tabular.text("agreed to by", 2), text.approvers),
    (tabular.text("details", 3), text.details),
]


class Table:
    """Text, each page by itself: as a terminal shows it, or aligned."""

    def __init__(self, *, for_a_terminal: bool) -> None:
        self._for_a_terminal = for_a_terminal
        self._columns = _OF_SIGNATURES

    def begin(self, about: About) -> Iterator[str]:
        self._columns = _OF_CHANGES if about.changes else _OF_SIGNATURES
        yield ""

    def page(self, entries: Sequence[Entry]) -> Iterator[str]:
        columns = [column for column, _ in self._columns]
        rows = [[read(each.value) for _, read in self._columns] for each in entries]
        for line in tabular.lines(columns, rows, for_a_terminal=self._for_a_terminal):
            yield f"{line}\n"

    def end(self, count: int) -> Iterator[str]:
        yield ""


class Json:
    """One object, as a list of the API: `items`, `next` (null), `head`."""

    def __init__(self) -> None:
        self._before = ""

    def begin(self, about: About) -> Iterator[str]:
        yield f'{{"head": {msgspec.json.encode(about.head).decode()}, "items": ['

    def page(self, entries: Sequence[Entry]) -> Iterator[str]:
        for each in entries:
            yield f"{self._before}\n{printable_json(each.json.decode())}"
            self._before = ","

    def end(self, count: int) -> Iterator[str]:
        yield '\n], "next": null}\n'


_OF_CSV: list[tuple[str, _Read]] = [
    ("sequence", lambda it: it.sequence),
    ("id", lambda it: it.id),
    ("created_at", lambda it: text.instant(it.created_at)),
    ("kind", lambda it: it.kind),
    ("action", lambda it: it.action),
    ("object", lambda it: it.object),
    ("signer", lambda it: it.signer),
    ("outcome", lambda it: it.outcome),
    ("reason", lambda it: it.reason),
    ("actor", lambda it: it.actor),
    ("credential_kind", lambda it: it.credential and it.credential.kind),
    ("credential_id", lambda it: it.credential.id if it.credential else it.api_key_id),
    ("credential_issued_by", lambda it: it.credential and it.credential.issued_by),
    ("credential_enrolled", lambda it: it.credential and _yes_no(it.credential.enrolled)),
    ("address", lambda it: it.client and it.client.address),
    ("hostname", lambda it: it.client and it.client.hostname),
    ("os_user", lambda it: it.client and it.client.os_user),
    ("tool", lambda it: it.client and it.client.tool),
    ("command", lambda it: it.client and it.client.command),
    ("application_sha256", lambda it: it.client and it.client.application_sha256),
    ("module_version", lambda it: it.client and it.client.module_version),
    ("scheme", lambda it: it.scheme),
    ("hash", lambda it: it.hash),
    ("digest", lambda it: None if it.digest is None else _base64(it.digest)),
    ("digest_hex", text.digest_hex),
    ("certificate_serial", lambda it: it.certificate_serial),
    ("grant_id", lambda it: it.grant_id),
    ("grant_issued_at", lambda it: it.grant and text.instant(it.grant.created_at)),
    ("policy", lambda it: it.grant and it.grant.policy),
    ("justification", text.why),
    ("request_id", lambda it: it.request and it.request.id),
    ("requester", lambda it: it.request and it.request.requester),
    ("requested_at", lambda it: it.request and text.instant(it.request.created_at)),
    ("approvers", text.approvers),
    ("approved_at", lambda it: _each(it, lambda one: text.instant(one.created_at))),
    ("approval_credentials", lambda it: _each(it, lambda one: text.credential(one.credential))),
    ("approval_comments", lambda it: _each(it, lambda one: one.comment)),
    ("details", text.details),
    ("row_hash", lambda it: it.row_hash),
]
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Csv:
    """RFC 4180, with a header, all fields in quotes, so that none is split by who takes another
    sign for the separator. A field that a spreadsheet would take for a formula begins with an
    apostrophe (OWASP, CSV injection); any other is as it is."""

    def begin(self, about: About) -> Iterator[str]:
        yield _csv_line([name for name, _ in _OF_CSV])

    def page(self, entries: Sequence[Entry]) -> Iterator[str]:
        for each in entries:
            yield _csv_line([_field(read(each.value)) for _, read in _OF_CSV])

    def end(self, count: int) -> Iterator[str]:
        yield ""


def _field(value: object) -> str:
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(_FORMULAS) else written


def _csv_line(fields: list[str]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerow(fields)
    return line.getvalue()


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _each(one: ReportedOperation, say: Callable[[ReportedApproval], str | None]) -> str | None:
    """Of each approval a line, in the order of `approvers`."""
    told = [(say(each) or "-") for each in one.approved_by]
    return "\n".join(" ".join(each.splitlines()) for each in told) if told[1:] else "".join(told)
