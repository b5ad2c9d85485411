"""The log: bytes that never change, a chain that shows tampering, a writer that groups."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controlplane.api.operations import line
from controlplane.api.refusals import status_of
from controlplane.audit import verification
from controlplane.audit import writer as writer_module
from controlplane.audit.log import link
from controlplane.audit.row import canonical_bytes
from controlplane.audit.verification import Verification, verify_lines
from controlplane.domain.identifier import new_id
from controlplane.domain.model import (
    Approval,
    Client,
    Credential,
    CredentialKind,
    EcdsaEncoding,
    HashAlgorithm,
    MemberRole,
    OperationKind,
    Outcome,
    PssParameters,
    Scheme,
)
from controlplane.domain.operation import Commitments, Entry, Head, Operation, Unreadable
from controlplane.errors import Refused
from controlplane.service import commit
from controlplane.service.commit import Bound, Overtaken, Row, Writer, Written
from controlplane.service.installation import trust
from controlplane.store.sqlite import SqliteStore
from tests.world import World, a_call

START = Head(0, "0" * 64)
SIGN = Entry(
    id="018f0000-0000-7000-8000-000000000001",
    created_at=datetime(2026, 1, 31, 8, 0, 0, 120, tzinfo=UTC),
    kind=OperationKind.SIGN,
    actor="ci",
    api_key_id="k1",
    credential=Credential(7, False, "k1", None, CredentialKind.API_KEY),
    signer="release",
    outcome=Outcome.SUCCEEDED,
    scheme=Scheme("rsa-pss"),
    hash=HashAlgorithm.SHA256,
    digest=b"\x00\xff",
    pss=PssParameters(HashAlgorithm.SHA384, 32),
    grant_id="g1",
    approvals=(Approval("ann", "e" * 64, 3),),
    certificate_serial="0a",
    client=Client(address="127.0.0.1", command='sign "a\\b"\n\u202e\u00e9\x7f\x01'),
    signature=b"\x01",
    idempotency_key="i1",
)
CHANGE = Entry(
    id="018f0000-0000-7000-8000-000000000002",
    created_at=datetime(2026, 1, 31, 8, 0, 1, tzinfo=UTC),
    kind=OperationKind.CHANGE,
    actor="admin\u202e\u00e9\x7f\x01",
    action="member:add",
    object="ci",
    signer="release",
    details={"role": "operator", "before": None, "count": 1, "yes": True},
)
COMMITMENTS = Commitments("c", b"", "k", b"", "i", b"")
GOLDEN_SIGN = (
    b"sealwright-row-v2\n"
    b'{"action":null,"actor":"ci","approvals":[{"approver":"ann","row_hash":"' + b"e" * 64 + b'",'
    b'"sequence":3}],"certificate_serial":"0a","client_hash":"c",'
    b'"created_at":"2026-01-31T08:00:00.000120Z","credential":{"age_seconds":7,"enrolled":false,'
    b'"issued_by":null,"kind":"api_key"},"credential_id_hash":"k","details":null,"digest":"AP8=",'
    b'"ecdsa_encoding":null,"grant_id":"g1","hash":"sha256",'
    b'"id":"018f0000-0000-7000-8000-000000000001","idempotency_key_hash":"i","kind":"sign",'
    b'"object":null,"outcome":"succeeded","previous_hash":"' + b"0" * 64 + b'","proposal":null,'
    b'"pss":{"mgf_hash":"sha384","salt_length":32},"reason":null,"scheme":"rsa-pss",'
    b'"sequence":1,"signature":"AQ==","signer":"release","version":2}'
)
GOLDEN_CHANGE = (
    b"sealwright-row-v2\n"
    b'{"action":"member:add","actor":"admin\xe2\x80\xae\xc3\xa9\x7f\\u0001","approvals":null,'
    b'"certificate_serial":null,"client_hash":null,"created_at":"2026-01-31T08:00:01Z",'
    b'"credential":null,"credential_id_hash":null,'
    b'"details":{"before":null,"count":1,"role":"operator","yes":true},"digest":null,'
    b'"ecdsa_encoding":null,"grant_id":null,"hash":null,'
    b'"id":"018f0000-0000-7000-8000-000000000002","idempotency_key_hash":null,"kind":"change",'
    b'"object":"ci","outcome":null,"previous_hash":"' + b"a" * 64 + b'","proposal":null,'
    b'"pss":null,"reason":null,"scheme":null,"sequence":7,"signature":null,"signer":"release",'
    b'"version":2}'
)


def test_the_canonical_bytes_of_version_2_are_these() -> None:
    assert canonical_bytes(1, SIGN, COMMITMENTS, "0" * 64) == GOLDEN_SIGN
    assert canonical_bytes(7, CHANGE, Commitments(), "a" * 64) == GOLDEN_CHANGE


def chain(*entries: Entry) -> list[Operation]:
    rows, head = [], START
    for entry in entries:
        rows.append(link(head, entry))
        head = Head(rows[-1].sequence, rows[-1].row_hash)
    return rows


def exported(rows: Iterable[Operation | Unreadable]) -> list[bytes]:
    return [line(row) for row in rows]


def changed(line: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(line) | fields).encode()


@given(st.text(), st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_an_export_verifies_whatever_people_wrote(text: str, details: dict[str, Any]) -> None:
    entry = Entry(
        id="1",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        kind=OperationKind.SIGN,
        actor=text,
        client=Client(command=text),
        ecdsa_encoding=EcdsaEncoding.DER,
        details=details,
    )
    rows = chain(entry, replace(SIGN, approvals=()), CHANGE)
    assert verify_lines(exported(rows)) == Verification(3, True, None, rows[-1].row_hash)


APPROVE = replace(CHANGE, action="request:approve", actor="ann", object="r1")
LATER = datetime(2026, 1, 31, 9, tzinfo=UTC)


class TestApprovals:
    """A row names who approved it, and the rows where that stands."""

    @pytest.fixture
    def approved(self) -> Operation:
        return link(START, APPROVE)

    @staticmethod
    def verify(approved: Operation, *named: Approval, thoroughly: bool = False) -> Verification:
        """Of a signature under these, and one more row."""
        signed = link(Head(1, approved.row_hash), replace(SIGN, approvals=named))
        last = link(Head(2, signed.row_hash), replace(CHANGE, created_at=LATER))
        lines = exported([approved, signed, last])
        if thoroughly:
            lines = [json.dumps(json.loads(line)).encode() for line in lines]
        return verify_lines(lines)

    @pytest.mark.parametrize("thoroughly", [False, True])
    def test_those_that_stand_there_are_sound(self, approved: Operation, thoroughly: bool) -> None:
        assert self.verify(approved, approved.approval(), thoroughly=thoroughly).intact

    @pytest.mark.parametrize("thoroughly", [False, True])
    @pytest.mark.parametrize(
        "bend", [{"approver": "bob"}, {"row_hash": "0" * 64}, {"sequence": 2}, {"sequence": 3}]
    )
    def test_any_other_is_not(
        self, approved: Operation, bend: dict[str, Any], thoroughly: bool
    ) -> None:
        other = Approval(**asdict(approved.approval()) | bend)
        verified = self.verify(approved, approved.approval(), other, thoroughly=thoroughly)
        assert (verified.intact, verified.first_bad_sequence) == (False, 2)

    def test_a_grant_that_was_given_beforehand_is_its_own_approval(self) -> None:
        given_ = link(START, replace(APPROVE, action="grant:create"))
        assert self.verify(given_, given_.approval()).intact

    def test_a_row_that_approves_nothing_is_none(self) -> None:
        other = link(START, replace(APPROVE, action="request:reject"))
        assert self.verify(other, other.approval()).first_bad_sequence == 2


PIECES = [
    b"",
    b" ",
    b"0",
    b'"',
    b'"pss":null,',
    b'"row_hash":"x",',
    b"\\u0063",
    b"1e0",
    b",",
    b"{}",
]


class TestVerification:
    @pytest.fixture
    def lines(self) -> list[bytes]:
        signed = replace(SIGN, approvals=())
        return exported(chain(signed, CHANGE, signed, CHANGE, signed))

    def test_an_empty_log_is_intact(self) -> None:
        assert verify_lines([]) == Verification(0, True, None, "0" * 64)

    def test_an_export_is_intact_whatever_the_order_of_its_keys(self, lines: list[bytes]) -> None:
        other = [json.dumps(json.loads(line), sort_keys=True, indent=None) for line in lines]
        assert verify_lines(line.encode() for line in other).intact

    @pytest.mark.parametrize(
        ("tamper", "bad"),
        [
            (lambda ls: [*ls[:2], changed(ls[2], actor="mallory"), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], client=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], api_key_id="k2"), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], api_key_id=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], credential=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], credential="k1"), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], approvals=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], version=1), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], version=2.0), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], version=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], client_salt=None), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], client_salt="AA=="), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], client_salt="AA=\u2028"), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], client_hash="0" * 64), *ls[3:]], 3),
            (lambda ls: [ls[0], changed(ls[1], client_salt="A" * 22 + "=="), *ls[2:]], 2),
            (lambda ls: [ls[0], changed(ls[1], idempotency_key="i"), *ls[2:]], 2),
            (lambda ls: [*ls[:2], changed(ls[2], sequence=4), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], extra=1), *ls[3:]], 3),
            (lambda ls: [*ls[:2], changed(ls[2], row_hash="0" * 64), *ls[3:]], 3),
            (lambda ls: [*ls[:2], *ls[3:]], 3),
            (lambda ls: ls[1:], 1),
            (lambda ls: [*ls[:2], ls[3], ls[2], ls[4]], 3),
            (lambda ls: [*ls, ls[-1]], 6),
            (lambda ls: [*ls[:2], b"nonsense\n", *ls[3:]], 3),
            (lambda ls: [*ls[:2], b"[]\n", *ls[3:]], 3),
            (lambda ls: [*ls[:2], b"\xff\n", *ls[3:]], 3),
            (lambda ls: [*ls[:2], ls[2].replace(b"{", b'{"actor":"x",', 1), *ls[3:]], 3),
            (lambda ls: [*ls[:2], ls[2].replace(b'"actor":"ci"', b'"actor":"c"', 1), *ls[3:]], 3),
            (lambda ls: [*ls[:2], ls[2].replace(b',"id"', b',"pss":null,"id"', 1), *ls[3:]], 3),
            (lambda ls: [*ls[:2], ls[2].replace(b'e":3', b'e":3,"a":1', 1), *ls[3:]], 3),
        ],
    )
    def test_the_first_row_that_breaks_the_chain_is_named(
        self, lines: list[bytes], tamper: Callable[[list[bytes]], list[bytes]], bad: int
    ) -> None:
        verified = verify_lines(tamper(lines))
        assert not verified.intact
        assert verified.first_bad_sequence == bad

    def test_a_row_replaced_with_its_hash_breaks_the_next_one(self, lines: list[bytes]) -> None:
        mallory = replace(SIGN, actor="mallory", approvals=())
        lines[2] = line(link(Head(2, json.loads(lines[1])["row_hash"]), mallory))
        assert verify_lines(lines).first_bad_sequence == 4

    @given(st.data())
    def test_a_row_reads_the_same_the_quick_way_and_the_thorough_one(
        self, data: st.DataObject
    ) -> None:
        """Whatever was done to its octets: the quick way leaves what it doubts to the other."""
        line = exported(chain(SIGN))[0].strip()
        for _ in range(data.draw(st.integers(0, 3))):
            start = data.draw(st.integers(0, len(line) - 1))
            end = data.draw(st.integers(start, min(start + 12, len(line))))
            line = line[:start] + data.draw(st.sampled_from(PIECES)) + line[end:]
        quick = verification._follow_export(line, 1, "0" * 64)
        if quick is not None:
            thorough = verification._follow(line, 1, "0" * 64)
            assert thorough is not None
            assert thorough.row_hash == quick.row_hash

    def test_a_lost_end_shows_in_the_head_only(self, lines: list[bytes]) -> None:
        whole, cut = verify_lines(lines), verify_lines(lines[:-1])
        assert cut.intact
        assert cut.head != whole.head


def new_writer(store: SqliteStore) -> Writer:
    return Writer(store, lambda *given: commit.write_rows(*given))  # as it is then: tests change it


class TestWriter:
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[World]:
        world = World(tmp_path / "data")
        with world.services:
            yield world

    @pytest.fixture
    def store(self, world: World) -> Iterator[SqliteStore]:
        store = SqliteStore(world.location.store_path)
        with store.closing():
            trust(world.location, store)
            yield store

    @pytest.fixture
    def writer(self, store: SqliteStore) -> Iterator[Writer]:
        writer = new_writer(store)
        yield writer
        writer.close()

    @staticmethod
    def entry(key: str | None = None, outcome: Outcome = Outcome.SUCCEEDED) -> Entry:
        return Entry(
            id=new_id(),
            created_at=datetime.now(UTC),
            kind=OperationKind.SIGN,
            actor="ci",
            outcome=outcome,
            signature=b"s" if outcome is Outcome.SUCCEEDED else None,
            idempotency_key=key,
        )

    def test_a_row_is_in_the_store_when_write_returns(self, world: World, writer: Writer) -> None:
        entry = self.entry()
        result = writer.write(Row(entry, None, bind=True))
        assert isinstance(result, Written)
        assert result.operation.entry == entry
        assert world.last_row() == result.operation

    def test_a_decision_that_was_overtaken_leaves_no_row(
        self, world: World, store: SqliteStore, writer: Writer
    ) -> None:
        epoch = store.epoch()
        with store.change():
            pass
        before = world.last_row()
        assert writer.write(Row(self.entry(), epoch, bind=True)) == Overtaken()
        assert world.last_row() == before

    def test_a_key_binds_to_a_success_only(self, writer: Writer) -> None:
        denied = writer.write(Row(self.entry("k", Outcome.DENIED), None, bind=True))
        first = writer.write(Row(self.entry("k"), None, bind=True))
        second = writer.write(Row(self.entry("k"), None, bind=True))
        assert isinstance(denied, Written)
        assert isinstance(first, Written)
        assert second == Bound(first.operation)

    def test_waiting_rows_share_a_commit(
        self, store: SqliteStore, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batches: list[int] = []
        real = commit.write_rows

        def count(database: Any, taken: Any) -> Any:
            batches.append(len(taken))
            return real(database, taken)

        monkeypatch.setattr(commit, "write_rows", count)
        with ThreadPoolExecutor(20) as pool:
            with store.write():  # nobody can commit meanwhile
                written = [
                    pool.submit(writer.write, Row(self.entry(), None, bind=True)) for _ in range(20)
                ]
                await_true(lambda: writer._waiting.qsize() >= 19)  # one may have been taken already
            results = [each.result() for each in written]
        sequences = [each.operation.sequence for each in results if isinstance(each, Written)]
        assert sum(batches) == 20
        assert len(batches) <= 2  # one may have been taken before the others came
        assert len(set(sequences)) == 20

    def test_two_equal_keys_in_one_commit_make_one_row(
        self, world: World, store: SqliteStore
    ) -> None:
        both = [Row(self.entry("k"), None, bind=True) for _ in range(2)]
        with store.write() as database:
            results = commit.write_rows(database, both)
        assert [type(result) for result in results] == [Written, Overtaken]
        assert len(world.rows(actor="ci")) == 1

    def test_too_many_waiting_are_refused(
        self, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writer_module, "MOST_WAITING", 2)
        writes, begun, going_on = commit.write_rows, threading.Event(), threading.Event()

        def held(*given: Any) -> Any:
            begun.set()
            going_on.wait(60)
            return writes(*given)

        monkeypatch.setattr(commit, "write_rows", held)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(writer.write, Row(self.entry(), None, bind=True))
            assert begun.wait(60)
            for _ in range(2):
                pool.submit(writer.write, Row(self.entry(), None, bind=True))
            await_true(lambda: writer._waiting.qsize() == 2)
            with pytest.raises(Refused) as refused:
                writer.write(Row(self.entry(), None, bind=True))
            going_on.set()
        assert (status_of(refused.value.code), refused.value.code) == (503, "overloaded")
        assert refused.value.retry_after is not None

    def test_a_commit_that_fails_is_told_to_everybody_and_the_next_one_works(
        self, world: World, writer: Writer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = world.last_row()

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("disk full")

        with monkeypatch.context() as broken:
            broken.setattr(commit, "write_rows", fail)
            with pytest.raises(Refused) as refused:
                writer.write(Row(self.entry(), None, bind=True))
        assert "disk full" in str(refused.value.cause)
        assert "disk full" not in refused.value.title
        assert (status_of(refused.value.code), refused.value.code) == (503, "store_unavailable")
        assert world.last_row() == before
        assert isinstance(writer.write(Row(self.entry(), None, bind=True)), Written)

    def test_a_row_that_no_store_can_hold_fails_alone(
        self, store: SqliteStore, writer: Writer
    ) -> None:
        broken = replace(self.entry(), reason="\ud800")
        with ThreadPoolExecutor(3) as pool:
            with store.write():  # so that they share a batch
                rows = [self.entry(), broken, self.entry()]
                written = [pool.submit(writer.write, Row(row, None, bind=True)) for row in rows]
                await_true(lambda: writer._waiting.qsize() >= 2)
            first, middle, last = written
            assert isinstance(first.result(), Written)
            assert isinstance(last.result(), Written)
            with pytest.raises(Refused) as refused:
                middle.result()
        assert (status_of(refused.value.code), refused.value.code) == (500, "row_unwritable")

    def test_closing_waits_for_rows_and_refuses_more(
        self, world: World, store: SqliteStore
    ) -> None:
        writer = new_writer(store)
        writer.write(Row(self.entry(), None, bind=True))
        writer.close()
        with pytest.raises(Refused):
            writer.write(Row(self.entry(), None, bind=True))

    def test_no_thread_runs_before_the_first_row(self, store: SqliteStore) -> None:
        before = threading.active_count()
        new_writer(store).close()
        assert threading.active_count() == before


def await_true(condition: Callable[[], bool]) -> None:
    while not condition():
        threading.Event().wait(0.001)


def test_rows_of_a_real_installation_verify_as_exported(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    with world.services as services:
        ci = world.identity("ci")
        world.signer(ci=MemberRole.OPERATOR)
        services.signing.sign(ci, a_call(client=Client(command="\u202e\x1b[0m é \ud800")))
        rows = list(services.audit.export(world.admin))
        verification = verify_lines(exported(rows))
        assert verification.intact
        assert verification.head == services.audit.end(world.admin).row_hash
        assert verification.rows == services.audit.end(world.admin).sequence
