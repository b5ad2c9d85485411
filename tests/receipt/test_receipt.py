"""sealwright receipt verify: what holds, what does not, and what it says."""

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sealwright.receipt.file import parse_receipts
from tests.receipt.composing import Key, Log, canonical_json, row_octets
from tests.receipt.conftest import Verify, documented_rows

DIGEST = bytes(range(32)).hex()
AT = 1_769_846_400  # 2026-01-31T08:00:00Z


def reason(verify: Verify, text: str | bytes, log: Log, *options: str) -> str:
    ended = verify(text, log, *options)
    assert ended.code == 1
    said = ended.json()
    assert said["valid"] is False
    assert said["detail"]
    return str(said["reason"])


# What holds.


def test_a_receipt_shows_a_row_of_the_log(log: Log, verify: Verify) -> None:
    ended = verify(log.receipt(4), log)
    assert ended.code == 0
    said = ended.json()
    row_hash = documented_rows()[3]["row_hash"]
    assert said["operation"].pop("row_hash") == row_hash
    assert said["operation"].pop("client") is None
    assert said["operation"] == {
        name: value
        for name, value in documented_rows()[3].items()
        if name not in ("row_hash", "api_key_id", "client", "idempotency_key")
        and not name.endswith("_salt")
    } | {
        "credential": {
            "age_seconds": 86400,
            "enrolled": False,
            "issued_by": None,
            "kind": "api_key",
        }
    }
    del said["operation"]
    assert said == {
        "valid": True,
        "origin": log.origin,
        "tree_size": 4,
        "index": 3,
        "witnesses": [],
        "reason": None,
        "detail": None,
        "holds_by": None,
    }


def test_each_row_of_each_size_of_the_log_has_one(verify: Verify) -> None:
    log = Log(rows=[row_octets(sequence) for sequence in range(1, 20)])
    for size in (1, 2, 3, 4, 7, 8, 9, 19):
        for sequence in range(1, size + 1):
            assert verify(log.receipt(sequence, size=size), log).code == 0


def test_rows_of_version_1_have_one_too_with_their_client_in_it(log: Log, verify: Verify) -> None:
    ended = verify(log.receipt(2), log, "--digest", DIGEST)
    assert ended.code == 0
    assert ended.json()["operation"]["client"]["tool"] == "jarsigner"


def test_it_says_in_words_what_a_customer_wants_to_know(log: Log, verify: Verify) -> None:
    witness = Key("witness.example/w1", 4)
    text = log.receipt(4, [(witness, AT)])
    ended = verify(text, log, "--digest", DIGEST, "--witness", witness.vkey, json=False)
    assert ended.code == 0
    assert (
        ended.out
        == f"""\
Valid: row 4 stands in the log sealwright.example/tests.

digest        {DIGEST}
              (sha256, ecdsa)
certificate   serial 0a, of signer release
when          2026-01-31T08:00:03Z, by the server's clock
by            ci, with an api_key, 24 hours old
grant         g1
approved by   ann in row 3, whose receipt is not here
digest given  is the one that was signed
checkpoint    of 4 rows, signed with the log's key {log.key.key_id.hex()}
witness       witness.example/w1 saw that log, 2026-01-31T08:00:00Z by its clock
row           018f0000-0000-7000-8000-000000000004, hash
              {documented_rows()[3]["row_hash"]}

The approvals were made with API keys: that it was these people is what the
server saw.
"""
    )


def test_it_says_what_was_not_checked(log: Log, verify: Verify) -> None:
    said = verify(log.receipt(4, [(Key("w", 4), AT)]), log, json=False).out
    assert "signatures by keys that were not given: 1, not checked" in said
    assert "Whether others are shown the same log was not checked" in said
    assert "Whether it is about your file was not checked" in said


def test_what_others_wrote_cannot_move_the_cursor(verify: Verify) -> None:
    log = Log(rows=[row_octets(actor="ci\x1b[2J", signer="‮", digest="AA==", outcome="succeeded")])
    said = verify(log.receipt(1), log, json=False).out
    assert "ci\\x1b[2J" in said
    assert "\x1b" not in said


def test_a_denied_call_is_not_taken_for_a_signature(verify: Verify) -> None:
    denied = row_octets(outcome="denied", reason="not_a_member", digest="AA==", hash="sha256")
    log = Log(rows=[denied])
    ended = verify(log.receipt(1), log, json=False)
    assert ended.code == 0
    assert ended.out.splitlines()[1] == "Nothing was signed: the call was denied (not_a_member)."
    assert reason(verify, log.receipt(1), log, "--digest", "00") == "nothing_signed"


def test_a_timestamp_is_said_to_be_one_and_not_taken_for_a_signature(verify: Verify) -> None:
    details = {"at": "2026-01-31T08:00:00.000000Z", "policy": "1.2.3"}
    row = row_octets(
        kind="timestamp",
        outcome="succeeded",
        hash="sha256",
        digest=encoded(bytes.fromhex(DIGEST)),
        object="51ed",
        certificate_serial="7ff5",
        details=details,
    )
    log = Log(rows=[row])
    text = log.receipt(1)
    ended = verify(text, log, json=False)
    assert ended.code == 0
    assert ended.out.startswith(
        f"""\
Valid: row 1 stands in the log sealwright.example/tests.
Nobody signed anything by it: it is a timestamp, for which anybody may ask.

timestamp    serial 51ed
digest       {DIGEST}
             (sha256)
certificate  serial 7ff5
time in it   2026-01-31T08:00:00.000000Z
policy       1.2.3
when         2026-01-31T08:00:00Z, by the server's clock
by           a caller without an API key
"""
    )
    assert reason(verify, text, log, "--digest", DIGEST) == "nothing_signed"
    refused = verify(text, log, "--digest", DIGEST, json=False)
    assert "the row is of a timestamp" in " ".join(refused.out.split())


def test_who_made_a_row_without_an_actor_is_said_by_its_kind(verify: Verify) -> None:
    """Nor is a kind that a later version may have taken for one of these."""
    for kind, title, by in (
        ("change", "change", "the server's own machine"),
        ("oath", "row of kind oath", "nobody whom the row names"),
    ):
        log = Log(rows=[row_octets(kind=kind, object="x")])
        lines = verify(log.receipt(1), log, json=False).out.splitlines()
        assert lines[2].split("  ")[0] == title
        assert any(line.startswith("by ") and line.endswith(by) for line in lines)


# What does not.


def test_a_row_that_was_bent_is_not_in_the_log(log: Log, verify: Verify) -> None:
    true = log.receipt(4)
    bent = log.rows[3].replace(b'"actor":"ci"', b'"actor":"me"')
    assert bent != log.rows[3]
    text = true.replace(encoded(log.rows[3]), encoded(bent))
    assert reason(verify, text, log) == "not_included"


def test_a_receipt_of_a_rewritten_log_does_not_hold(log: Log, verify: Verify) -> None:
    """Its checkpoint is signed by another key, or is another than the one that was signed."""
    other = replace(log, key=Key(log.key.name))
    assert reason(verify, other.receipt(4), log) == "not_signed"
    rewritten = Log(rows=[row_octets(), *log.rows[1:]])
    text = rewritten.receipt(4)
    note, true = rewritten.note(), log.key.line(log.note())
    forged = text[: text.index(note)] + note + "\n" + true
    assert reason(verify, forged, log) == "signature_wrong"


def test_a_receipt_of_an_older_log_holds_when_the_log_has_grown(log: Log, verify: Verify) -> None:
    assert verify(log.receipt(2, size=3), log).code == 0


def test_the_row_has_the_number_of_its_place(verify: Verify) -> None:
    log = Log(rows=[row_octets(1), row_octets(3)])
    assert reason(verify, log.receipt(2), log) == "not_included"


@pytest.mark.parametrize("change", ["longer", "shorter", "beyond"])
def test_a_path_of_another_length_leads_nowhere(log: Log, verify: Verify, change: str) -> None:
    lines = log.receipt(4).split("\n")
    if change == "longer":
        lines.insert(4, lines[3])
    elif change == "shorter":
        del lines[3]
    else:
        lines[2] = "index 4"
    assert reason(verify, "\n".join(lines), log) == "not_included"


def test_the_key_is_of_the_log_that_the_receipt_names(log: Log, verify: Verify) -> None:
    other = replace(log, origin="sealwright.example/other")
    assert reason(verify, other.receipt(4), log) == "other_log"


def test_each_witness_named_must_have_signed(log: Log, verify: Verify) -> None:
    ann, ben = Key("ann.example", 4), Key("ben.example", 4)
    options = ["--witness", ann.vkey, "--witness", ben.vkey]
    both = log.receipt(4, [(ann, AT), (ben, AT)])
    assert verify(both, log, *options).json()["witnesses"] == ["ann.example", "ben.example"]
    assert reason(verify, log.receipt(4, [(ann, AT)]), log, *options) == "not_witnessed"
    impostor = replace(ben, private=ann.private)  # has another key id
    text = log.receipt(4, [(ann, AT), (impostor, AT)])
    assert reason(verify, text, log, *options) == "not_witnessed"


def test_a_cosignature_holds_for_its_checkpoint_and_time_only(log: Log, verify: Verify) -> None:
    witness = Key("ann.example", 4)
    text = log.receipt(4)
    older = text + witness.line(log.note(3), AT)
    assert reason(verify, older, log, "--witness", witness.vkey) == "signature_wrong"
    line = witness.line(log.note(), AT)
    octets = bytearray(base64.b64decode(line.split(" ")[2]))
    octets[11] ^= 1  # of the time
    bent = text + f"— {witness.name} {base64.b64encode(octets).decode()}\n"
    assert reason(verify, bent, log, "--witness", witness.vkey) == "signature_wrong"


def test_a_second_signature_that_is_said_to_be_the_logs_must_be_too(
    log: Log, verify: Verify
) -> None:
    text = log.receipt(4) + log.key.line(log.note(3))
    assert reason(verify, text, log) == "signature_wrong"


def test_signatures_of_strangers_are_ignored(log: Log, verify: Verify) -> None:
    namesake = Key(log.key.name)
    assert verify(log.receipt(4) + namesake.line("another note\n"), log).code == 0


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"sealwright-row-v2\n",
        b"sealwright-row-v2\nnull",
        b"sealwright-row-v2\n" + b"[" * 5000,
        row_octets().replace(b'":', b'": ', 1),
        row_octets().replace(b'{"action":null', b'{"action":null,"action":null'),
        row_octets()[:-1] + b',"zzz":null}',
        row_octets(sequence=1.0),  # type: ignore[arg-type]
        row_octets(kind=None),
        row_octets(digest="AA"),
        row_octets(client=None),
        row_octets(version=1, credential=None),
        row_octets(version=1).replace(b"-v1", b"-v2"),
        row_octets() + b"\n",
        row_octets().replace(b'"kind":"sign"', b'"kind":"s\xffgn"'),
        row_octets().replace(b'"kind":"sign"', b'"kind":"s\xed\xa0\x80"'),
        row_octets().replace(b'"kind":"sign"', b'"kind":"s\\ud800"'),
    ],
)
def test_a_row_is_read_in_its_one_spelling_only(row: bytes, verify: Verify) -> None:
    log = Log(rows=[row])
    assert reason(verify, log.receipt(1), log) == "row_unreadable"


def test_a_row_of_a_later_version_is_not_guessed_at(verify: Verify) -> None:
    log = Log(rows=[row_octets().replace(b"-v2\n", b"-v3\n")])
    assert reason(verify, log.receipt(1), log) == "row_too_new"


def test_another_digest_is_not_the_one_that_was_signed(log: Log, verify: Verify) -> None:
    assert verify(log.receipt(4), log, "--digest", DIGEST.upper()).code == 0
    assert reason(verify, log.receipt(4), log, "--digest", "00" * 32) == "digest_differs"
    assert reason(verify, log.receipt(4), log, "--digest", "00") == "digest_differs"


# What is disclosed.


def disclosure(salt: str, value: bytes) -> str:
    return f"disclose client {salt} {encoded(value)}\n"


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def test_what_the_client_said_is_held_against_its_commitment(log: Log, verify: Verify) -> None:
    row = documented_rows()[3]
    value = canonical_json(row["client"])
    disclosed = log.receipt(4) + disclosure(row["client_salt"], value)
    assert verify(disclosed, log).json()["operation"]["client"] == row["client"]
    assert "client's tool     jarsigner" in verify(disclosed, log, json=False).out
    for text in (
        disclosure(row["client_salt"], value.replace(b"jarsigner", b"notepad..")),
        disclosure(encoded(bytes(16)), value),
        disclosure(encoded(base64.b64decode(row["client_salt"]) + value[:1]), value[1:]),
    ):
        assert reason(verify, log.receipt(4) + text, log) == "commitment_differs"


def test_a_row_without_a_commitment_has_nothing_to_disclose(log: Log, verify: Verify) -> None:
    text = log.receipt(3) + disclosure(encoded(bytes(16)), b"null")
    assert reason(verify, text, log) == "commitment_differs"


# What the row rests on.


def test_the_receipts_of_approvals_are_held_against_what_the_row_names(
    log: Log, verify: Verify
) -> None:
    text = log.receipt(4) + log.receipt(3)
    ended = verify(text, log, json=False)
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert (
        "approved by ann, with an api_key made by admin, 7 days old, "
        "2026-01-31T08:00:02.500000Z, row 3" in said
    )


def test_the_approval_may_stand_in_a_log_of_another_size(log: Log, verify: Verify) -> None:
    assert verify(log.receipt(4) + log.receipt(3, size=3), log).code == 0


@pytest.mark.parametrize(
    "approval",
    [
        {"actor": "eve", "action": "request:approve"},
        {"actor": "ann", "action": "request:reject"},
        {"actor": "ann", "action": "request:approve", "object": "another"},
    ],
)
def test_another_row_is_not_the_approval(verify: Verify, approval: dict[str, Any]) -> None:
    there = row_octets(1, kind="change", **approval)
    named = hashlib.sha256(there).hexdigest() if "object" not in approval else "0" * 64
    row = row_octets(2, approvals=[{"approver": "ann", "row_hash": named, "sequence": 1}])
    log = Log(rows=[there, row])
    assert reason(verify, log.receipt(2) + log.receipt(1), log) == "approval_differs"


def test_a_receipt_that_has_nothing_to_do_with_the_first_is_refused(
    log: Log, verify: Verify
) -> None:
    assert reason(verify, log.receipt(4) + log.receipt(1), log) == "malformed"
    assert reason(verify, log.receipt(4) + log.receipt(3) * 2, log) == "malformed"
    assert reason(verify, log.receipt(4) * 2, log) == "malformed"


def test_the_others_must_hold_as_the_first_does(log: Log, verify: Verify) -> None:
    other = replace(log, key=Key(log.key.name))
    assert reason(verify, log.receipt(4) + other.receipt(3), log) == "not_signed"
    witness = Key("ann.example", 4)
    text = log.receipt(4, [(witness, AT)]) + log.receipt(3)
    assert reason(verify, text, log, "--witness", witness.vkey) == "not_witnessed"


def test_an_enrolment_is_told_by_who_enrolled_and_when(verify: Verify) -> None:
    credential = {"age_seconds": 60, "enrolled": True, "issued_by": "root", "kind": "api_key"}
    details = {"api_key_id": "k1", "issued_by": "root"}
    enrolled: dict[str, Any] = {"kind": "change", "action": "enrolment:use", "details": details}
    enrolled["created_at"] = "2026-01-31T08:00:00.250000Z"
    log = Log(
        rows=[
            row_octets(1, actor="ann", **enrolled),
            row_octets(2, actor="eve", **enrolled),
            row_octets(3, actor="ann", credential=credential, created_at="2026-01-31T08:01:00.5Z"),
        ]
    )
    said = " ".join(verify(log.receipt(3) + log.receipt(1), log, json=False).out.split())
    assert (
        "60 seconds old, that nobody else ever saw, enrolled in row 1, whose receipt is here"
        in said
    )
    assert reason(verify, log.receipt(3) + log.receipt(2), log) == "malformed"


def test_an_approver_cannot_be_pinned_to_a_key_where_none_signed(log: Log, verify: Verify) -> None:
    text = log.receipt(4) + log.receipt(3)
    assert reason(verify, text, log, "--approver", "ann=SHA256:x") == "approval_unproven"
    assert reason(verify, text, log, "--approver", "eve=SHA256:x") == "not_approved"


# What is no receipt, and what is no key.


@pytest.mark.parametrize(
    "bend",
    [
        lambda text: "",
        lambda text: "\n" + text,
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: text + "more\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("@v1", "@v2"),
        lambda text: text.replace("extra ", "extra  "),
        lambda text: text.replace("index 3", "index 03"),
        lambda text: text.replace("index 3", "index ٣"),
        lambda text: text.replace("index 3", "index 9223372036854775807"),
        lambda text: text.replace("index 3\n", ""),
        lambda text: text.replace("\n4\n", "\n+4\n"),
        lambda text: text.replace("\n4\n", "\n"),
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("=\n", "\n", 1),
        lambda text: text.replace("=\n", "= \n", 1),
        lambda text: text.split("—")[0],
        lambda text: text + text.splitlines()[-1] * 100,
        lambda text: text.encode() + b"\xff\n",
        lambda text: text.encode("utf-16"),
    ],
)
def test_whatever_is_not_exactly_a_receipt_is_refused(
    log: Log, verify: Verify, bend: Callable[[str], str]
) -> None:
    assert reason(verify, bend(log.receipt(4)), log) == "malformed"


def test_a_line_says_where_a_receipt_is_wrong(log: Log, verify: Verify) -> None:
    said = verify(log.receipt(4).replace("index 3", "index x"), log).json()
    assert said["detail"].startswith("this is no receipt: line 3: ")


@pytest.mark.parametrize(
    "bend",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key.replace("+", " ", 1),
        lambda key: "x" + key,
        lambda key: key.split("+")[0] + "+00000000+" + key.split("+")[2],
    ],
)
def test_a_key_that_is_none_is_wrong_usage(
    log: Log, verify: Verify, bend: Callable[[str], str]
) -> None:
    assert verify(log.receipt(4), log, "--log-key", bend(log.key.vkey)).code == 2
    assert verify(log.receipt(4), log, "--witness", bend(log.key.vkey)).code == 2


def test_keys_of_logs_and_of_witnesses_are_not_taken_for_each_other(
    log: Log, verify: Verify
) -> None:
    assert verify(log.receipt(4), log, "--witness", log.key.vkey).code == 2
    assert verify(log.receipt(4), log, "--log-key", Key("w", 4).vkey).code == 2


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.integers(0, 2000),
    cut=st.integers(0, 3),
    put=st.text("\n —=+aA0@v1\0\x85é", max_size=3),
)
@example(place=0, cut=0, put="")
def test_no_input_does_more_than_to_be_refused(place: int, cut: int, put: str) -> None:
    log = Log(rows=[row_octets(1), row_octets(2)])
    true = log.receipt(2)
    bent = true[:place] + put + true[place + cut :]
    with suppress(ValueError):
        (receipt,) = parse_receipts(bent.encode())
        assert receipt.path
