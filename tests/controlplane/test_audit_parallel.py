"""An export checked by several processes is judged as it is by one, row by row."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.api.operations import line
from controlplane.audit import chunks, parallel
from controlplane.audit.log import link
from controlplane.audit.parallel import verify_export
from controlplane.audit.verification import Verification, verify_lines
from controlplane.domain.identifier import new_id
from controlplane.domain.model import Approval, HashAlgorithm, OperationKind, Outcome, Scheme
from controlplane.domain.operation import Entry, Head, Operation
from controlplane.domain.tree import grow

ROWS = 60
CHUNK = 6000  # bytes: some rows
AT = datetime(2026, 1, 31, 8, tzinfo=UTC)


def signature(number: int, *approvals: Approval) -> Entry:
    return Entry(
        id=new_id(),
        created_at=AT,
        kind=OperationKind.SIGN,
        actor="ci",
        signer="release",
        outcome=Outcome.SUCCEEDED,
        scheme=Scheme("ecdsa"),
        hash=HashAlgorithm.SHA256,
        digest=number.to_bytes(32),
        signature=number.to_bytes(71),
        approvals=approvals,
    )


def approval() -> Entry:
    kind = OperationKind.CHANGE
    return Entry(
        id=new_id(), created_at=AT, kind=kind, actor="ann", action="request:approve", object="r1"
    )


def rows() -> Iterator[Operation]:
    """Each tenth is an approval, and the nine that follow rest on it and on the first."""
    head, given = Head(0, "0" * 64), []
    for number in range(ROWS):
        if number % 10 == 0:
            row = link(head, approval())
            given.append(row.approval())
        else:
            row = link(head, signature(number, *{given[0], given[-1]}))
        head = Head(row.sequence, row.row_hash)
        yield row


LINES = [line(row) for row in rows()]
EXPORT = b"".join(LINES)
HASHES = [json.loads(each)["row_hash"] for each in LINES]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_ENOUGH", CHUNK)
    monkeypatch.setattr(chunks, "_STEP", CHUNK // 3)


def in_two(export: bytes, *expected: str, since: str | None = None) -> Verification:
    return verify_export([export], *expected, since=since, processes=2)


def changed(row: bytes, **members: object) -> bytes:
    """What is no row any more stays as it is."""
    is_row = row.startswith(b"{")
    return json.dumps(json.loads(row) | members).encode() + b"\n" if is_row else row


def test_the_export_is_of_many_chunks() -> None:
    assert len(list(chunks.chunks_of([EXPORT]))) > 5
    assert b"\n".join(chunks.chunks_of([EXPORT])).split() == EXPORT.split()


def test_a_sound_log_is_intact() -> None:
    assert in_two(EXPORT) == Verification(ROWS, True, None, HASHES[-1])


@pytest.mark.parametrize("processes", [1, 2])
def test_the_roots_of_its_tree_are_told_at_each_size_asked_for(processes: int) -> None:
    sizes = (0, 1, 33, 47, ROWS)
    found = verify_export([EXPORT], processes=processes, tree_sizes=(*sizes, ROWS + 1))
    assert found.roots == {size: grow(0, b"", HASHES[:size]).root for size in sizes}
    bent = b"".join([*LINES[:50], changed(LINES[50], actor="mallory"), *LINES[51:]])
    assert not verify_export([bent], processes=processes, tree_sizes=sizes).roots


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_bent_log_is_judged_as_by_one(data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place : place + 1] = data.draw(
            st.sampled_from(
                [
                    [],
                    [lines[place], lines[place]],
                    [changed(lines[place], actor="mallory")],
                    [changed(lines[place], row_hash="0" * 64)],
                    [changed(lines[place], version=9)],
                    [changed(lines[place], sequence=place)],
                    [b"nonsense\n"],
                    [b"\n", lines[place]],
                ]
            )
        )
    expected = data.draw(st.lists(st.sampled_from([*HASHES, "f" * 64]), max_size=2))
    export = b"".join(lines)
    assert in_two(export, *expected) == verify_lines(export.split(b"\n"), *expected)


def test_an_approval_that_does_not_stand_in_an_earlier_chunk_is_missed_where_it_is_named() -> None:
    """The rows are sound in themselves: only who knows all rows before can tell."""
    head, lines = Head(0, "0" * 64), []
    for number in range(ROWS):
        named = [Approval("ann", "a" * 64, 1)] if number == ROWS - 5 else []
        row = link(head, signature(number, *named))
        head = Head(row.sequence, row.row_hash)
        lines.append(line(row))
    assert in_two(b"".join(lines)).first_bad_sequence == ROWS - 4


def test_a_line_that_is_longer_than_any_row_is_one_bad_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chunks, "_LONGEST_ROW", 2 * CHUNK)
    export = b"".join([*LINES[:30], b'{"x":"' + b"x" * 9 * CHUNK + b'"}\n', *LINES[31:]])
    assert in_two(export) == Verification(ROWS, False, 31, HASHES[-1])


def test_where_no_process_can_be_started_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refuse)
    assert in_two(EXPORT).intact


def test_a_process_that_is_killed_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    walk_alone = parallel._walk_alone

    def die_once(*given: object) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return walk_alone(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(parallel, "_walk_alone", die_once)
    assert in_two(EXPORT) == Verification(ROWS, True, None, HASHES[-1])


@dataclass(frozen=True)
class Since:
    """A log that is checked from row 35 on."""

    bend: Callable[[list[bytes]], list[bytes]]
    first_bad: int | None


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    "case",
    [
        Since(lambda ls: ls, None),
        Since(lambda ls: [changed(ls[0], actor="mallory"), *ls[1:]], None),
        Since(lambda ls: ls[34:], None),
        Since(lambda ls: [*ls[:34], changed(ls[34], actor="mallory"), *ls[35:]], 35),
        Since(lambda ls: [*ls[:35], *ls[36:]], 36),
        Since(lambda ls: [*ls[:50], changed(ls[50], actor="mallory"), *ls[51:]], 51),
    ],
)
def test_from_a_noted_head_on_only_what_follows_is_checked(processes: int, case: Since) -> None:
    export = b"".join(case.bend(list(LINES)))
    found = verify_export([export], since=HASHES[34], processes=processes)
    assert (found.since, found.first_bad_sequence) == (35, case.first_bad)
    if case.first_bad is None:
        assert (found.rows, found.intact, found.head) == (ROWS - 35, True, HASHES[-1])


def test_of_what_it_rests_on_approvals_before_the_noted_head_are_counted() -> None:
    assert in_two(EXPORT, since=HASHES[34]).earlier == 2  # rows 1 and 31


def test_a_noted_head_that_no_row_has_is_missing_and_nothing_is_intact() -> None:
    found = in_two(EXPORT, since="f" * 64)
    assert (found.rows, found.intact, found.missing) == (0, False, ("f" * 64,))


def test_nothing_follows_the_last_head_and_all_follows_the_first() -> None:
    last, first = in_two(EXPORT, since=HASHES[-1]), in_two(EXPORT, since="0" * 64)
    assert (last.rows, last.intact, last.since) == (0, True, ROWS)
    assert first == Verification(ROWS, True, None, HASHES[-1])
