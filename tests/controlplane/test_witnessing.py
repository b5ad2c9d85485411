"""Checkpoints are witnessed: signed by others who have seen what came before."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controlplane.errors import Altered
from controlplane.service.installation import Services
from controlplane.store.dialect import ask
from tests.controlplane.conftest import Api
from tests.controlplane.tlog import open_note, verify_receipt
from tests.controlplane.witness import Reply, Submission, Witness, serving
from tests.world import SetClock


def add(api: Api, witness: Witness) -> str:
    return str(api.made("/v1/log/witnesses", {"url": witness.url, "key": witness.key})["id"])


@pytest.fixture
def log_key(api: Api, services: Services) -> str:
    services.published_log.checkpoint()
    (key,) = api.get("/v1/log/keys").json["items"]
    return str(key["key"])


@pytest.fixture
def witness(api: Api, log_key: str) -> Iterator[Witness]:
    with serving(Witness(log_key)) as witness:
        add(api, witness)
        yield witness


def listed(api: Api) -> dict[str, object]:
    (one,) = api.get("/v1/log/witnesses").json["items"]
    return dict(one)


def grow(api: Api, clock: SetClock, name: str) -> None:
    """By a row, in a second of its own."""
    api.made("/v1/groups", {"name": name})
    clock.advance(seconds=2)


def test_each_checkpoint_is_proven_to_follow_the_one_before(
    api: Api, services: Services, clock: SetClock, witness: Witness
) -> None:
    for name in ("a", "b", "c"):
        grow(api, clock, name)
        services.witnessing.submit_to_all()
        assert witness.seen is not None
        shown = listed(api)
        assert (shown["size"], shown["failure"]) == (witness.seen.size, None)
        assert shown["signed_at"] == "2027-01-15T08:00:00Z"
    sizes = [open_note(each.note, witness.log_key).size for each in witness.asked]
    assert [each.old for each in witness.asked] == [0, *sizes[:-1]]
    asked = len(witness.asked)
    services.witnessing.submit_to_all()  # there is nothing new
    assert len(witness.asked) == asked


def test_what_is_witnessed_is_shown_with_the_witness_s_signature(
    api: Api, services: Services, clock: SetClock, witness: Witness
) -> None:
    early = api.get("/v1/log/checkpoint", query_string="witnessed=1")
    assert (early.status_code, early.json["code"]) == (409, "not_witnessed_yet")
    receipt = "/v1/operations/2/receipt"
    refused = api.get(receipt, query_string="witnessed=1")
    assert (refused.status_code, refused.json["code"]) == (409, "not_witnessed_yet")

    services.witnessing.submit_to_all()
    note = witness.asked[-1].note
    cosigned = note + witness.sign(note).decode()
    assert api.get("/v1/log/checkpoint").text == cosigned
    assert api.get(receipt).text.endswith(f"\n\n{cosigned}")
    verify_receipt(api.get(receipt).text, witness.log_key)

    grow(api, clock, "later")
    assert "witness.example" not in api.get("/v1/log/checkpoint").text
    assert api.get("/v1/log/checkpoint", query_string="witnessed=1").text == cosigned
    assert api.get(receipt, query_string="witnessed=1").text.endswith(cosigned)
    newest = api.get("/v1/operations/head").json["sequence"]
    too_new = api.get(f"/v1/operations/{newest}/receipt", query_string="witnessed=1")
    assert too_new.json["code"] == "not_witnessed_yet"
    assert "witness.example" not in api.get(f"/v1/operations/{newest}/receipt").text


def test_a_witness_that_has_seen_it_before_says_up_to_where(
    api: Api, services: Services, clock: SetClock, witness: Witness
) -> None:
    services.witnessing.submit_to_all()
    shown = listed(api)
    assert api.call("DELETE", f"/v1/log/witnesses/{shown['id']}").status_code == 204
    clock.advance(seconds=2)
    add(api, witness)
    services.witnessing.submit_to_all()
    assert [each.old for each in witness.asked] == [0, 0, shown["size"]]
    assert listed(api)["failure"] is None


def test_a_fork_is_refused_and_that_is_told(
    api: Api, services: Services, clock: SetClock, witness: Witness
) -> None:
    services.witnessing.submit_to_all()
    assert witness.seen is not None
    before = listed(api)
    witness.seen = replace(witness.seen, root=bytes(32))  # of another log by this name
    grow(api, clock, "forked")
    services.witnessing.submit_to_all()
    shown = listed(api)
    assert "not the beginning of this log" in str(shown["failure"])
    assert (shown["size"], shown["succeeded_at"]) == (before["size"], before["succeeded_at"])


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[Submission], Reply]:
    return lambda _: (status, body, headers)


MISBEHAVIOUR = (
    (always(302, Location="http://127.0.0.1:1/elsewhere"), "status 302; redirects are not"),
    (always(404), "does not know the log"),
    (always(403), "does not accept the log's key"),
    (always(500, b"trouble"), "status 500"),
    (always(409, b"999999\n"), "It has signed 999999 entries of this log, which has "),
    (always(409, b"0\n"), "status 409"),
    (always(409, b"0007\n"), "no tree size"),
    (always(409, b"-1\n"), "no tree size"),
    (always(200), "no signature by witness.example/w1"),
    (always(200, b"\xff\xfe"), "no text"),
    (always(200, b"x" * 70_000), "too large"),
    (always(200, "— witness.example/w1 AAAA\n".encode()), "no signature by"),
)


def test_one_that_misbehaves_is_told_of_and_disturbs_nobody(
    api: Api, services: Services, clock: SetClock, witness: Witness
) -> None:
    with serving(Witness(witness.log_key, name="z.example")) as other:
        add(api, other)
        for number, (misbehaves, told) in enumerate(MISBEHAVIOUR):
            grow(api, clock, f"group-{number}")
            witness.misbehaves = misbehaves
            services.witnessing.submit_to_all()
            bad, good = api.get("/v1/log/witnesses").json["items"]
            assert told in bad["failure"]
            assert (bad["size"], bad["succeeded_at"]) == (None, None)
            assert bad["failed_at"] is not None
            assert other.seen is not None
            assert (good["failure"], good["size"]) == (None, other.seen.size)
        witness.misbehaves = None
        services.witnessing.submit_to_all()
        well, _ = api.get("/v1/log/witnesses").json["items"]
        assert witness.seen is not None
        assert (well["failure"], well["size"]) == (None, witness.seen.size)


def test_a_signature_over_something_else_is_not_kept(
    api: Api, services: Services, witness: Witness
) -> None:
    witness.misbehaves = lambda asked: (200, witness.sign("other.example\n1\nAA==\n\n"), {})
    services.witnessing.submit_to_all()
    assert "does not hold" in str(listed(api)["failure"])
    assert "witness.example" not in api.get("/v1/log/checkpoint").text


def test_one_that_is_not_there_is_told_of(api: Api, services: Services, log_key: str) -> None:
    with serving(Witness(log_key)) as witness:
        add(api, witness)
    services.witnessing.submit_to_all()
    assert "refused" in str(listed(api)["failure"])
    metrics = api.call_unchecked("GET", "/metrics", key=None).text
    assert "\nsealwright_witnesses_failing 1.0\n" in metrics
    assert "witness.example" not in metrics


def test_a_signature_that_was_changed_in_the_store_is_not_shown(
    api: Api, services: Services, witness: Witness
) -> None:
    services.witnessing.submit_to_all()
    whole = api.get("/v1/log/checkpoint").text
    with services._store.write() as database:
        ask(database, "UPDATE witness_standings SET line = replace(line, 'A', 'B')", ())
    assert "witness.example" in whole
    assert api.get("/v1/log/checkpoint").text == whole[: whole.index("— witness.example")]
    assert api.get("/v1/log/checkpoint", query_string="witnessed=1").status_code == 409


def test_what_the_log_did_not_sign_is_not_signed_for_a_witness(
    api: Api, services: Services, witness: Witness
) -> None:
    """Not even a checkpoint of a size that the log has: the witness may be of one mind with who
    writes to the store."""
    services.witnessing.submit_to_all()
    note = api.get("/v1/log/checkpoint").text
    root = note.split("\n")[2]
    with services._store.write() as database:
        statement = f"UPDATE witness_standings SET note = replace(note, '{root}', '{'A' * 43}=')"
        ask(database, statement, ())
    assert api.get("/v1/log/checkpoint", query_string="witnessed=1").status_code == 409


@pytest.mark.parametrize("column", ["url", "CAST(x'ff80' AS TEXT)"])
def test_a_witness_that_is_slipped_in_keeps_no_other_from_its_work(
    api: Api, services: Services, witness: Witness, clock: SetClock, column: str
) -> None:
    """Nor anybody from a receipt; that it is there is a failure of the job."""
    services.witnessing.submit_to_all()
    columns = f"'slipped-in', {column}, key || 'x', created_at"
    with services._store.write() as database:
        ask(database, f"INSERT INTO witnesses SELECT {columns} FROM witnesses", ())
    grow(api, clock, "grown")
    with pytest.raises(Altered):
        services.witnessing.submit_to_all()
    receipt = api.get("/v1/operations/1/receipt")
    assert receipt.status_code == 200
    if column == "url":  # else none of them can be read
        assert "witness.example" in receipt.text
        assert "witness.example" in api.get("/v1/log/checkpoint", query_string="witnessed=1").text
