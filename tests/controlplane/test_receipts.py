"""Receipts, with the signature or later, held against what the C2SP documents say."""

import hashlib

import pytest

from controlplane.domain.tree import TILE_WIDTH
from tests.controlplane.conftest import Api
from tests.controlplane.tlog import open_note, read_receipt, verify_receipt


@pytest.fixture
def ci(api: Api) -> str:
    key = api.machine("ci")
    api.signer("release", operator="ci")
    return key


@pytest.fixture
def log_key(api: Api, ci: str) -> str:
    (key,) = api.get("/v1/log/keys", key=ci).json["items"]
    return str(key["key"])


def receipt_of(api: Api, name: object, key: str = "admin") -> str:
    answer = api.get(f"/v1/operations/{name}/receipt", key=key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return answer.text


def test_a_signature_comes_with_its_receipt_where_one_is_asked_for(
    api: Api, ci: str, log_key: str
) -> None:
    without = api.sign("release", ci).json
    assert "receipt" not in without
    api.sign("release", ci, receipt=True)  # begins the log, which leaves a row
    for _ in range(3):
        answer = api.sign("release", ci, receipt=True).json
        receipt = verify_receipt(answer["receipt"], log_key)
        (row, *_) = api.rows(kind="sign")
        assert receipt.index == row["sequence"] - 1
        assert hashlib.sha256(receipt.extra).hexdigest() == row["row_hash"]
        assert receipt.row["id"] == answer["operation_id"]
        assert receipt.row["signature"] == answer["signature"]
        assert open_note(receipt.note, log_key).size == row["sequence"]


def test_a_replay_has_a_receipt_of_the_row_that_it_repeats(api: Api, ci: str, log_key: str) -> None:
    headers = {"Idempotency-Key": "0123456789abcdef"}
    first = api.sign("release", ci, headers=headers).json
    again = api.sign("release", ci, headers=headers, receipt=True).json
    assert again["operation_id"] == first["operation_id"]
    assert verify_receipt(again["receipt"], log_key).row["id"] == first["operation_id"]


def test_every_row_has_a_receipt_whatever_it_says(api: Api, ci: str, log_key: str) -> None:
    api.sign("release", ci)
    api.sign("release", "admin")  # denied
    rows = api.rows()
    for row in rows:
        receipt = verify_receipt(receipt_of(api, row["sequence"]), log_key)
        assert hashlib.sha256(receipt.extra).hexdigest() == row["row_hash"]


def test_a_receipt_keeps_to_itself_what_need_not_go_to_a_customer(
    api: Api, ci: str, log_key: str
) -> None:
    client = {"tool": "jarsigner", "hostname": "build-7", "os_user": "Mallory"}
    answer = api.sign("release", ci, client=client, receipt=True).json
    shown = verify_receipt(answer["receipt"], log_key).extra.decode()
    for hidden in ("jarsigner", "build-7", "Mallory", "127.0.0.1", "api_key_id"):
        assert hidden not in shown


def test_receipts_are_for_who_may_see_the_row(api: Api, ci: str) -> None:
    answer = api.sign("release", ci).json
    stranger = api.machine("stranger")
    refused = api.get(f"/v1/operations/{answer['operation_id']}/receipt", key=stranger)
    assert (refused.status_code, refused.json["code"]) == (404, "operation_not_found")
    receipt_of(api, answer["operation_id"], ci)


def test_tiles_make_no_difference(api: Api, ci: str, log_key: str) -> None:
    """A log beyond two full tiles."""
    receipts: list[str] = []
    while len(receipts) < 2 * TILE_WIDTH + 5:
        receipts.append(api.sign("release", ci, receipt=True).json["receipt"])
    for text in receipts[:: TILE_WIDTH // 8]:
        verify_receipt(text, log_key)
        index = read_receipt(text).index
        verify_receipt(receipt_of(api, index + 1), log_key)


def test_the_first_checkpoint_fixes_the_origin(api: Api, ci: str, log_key: str) -> None:
    named = api.call("PUT", "/v1/settings/log-origin", {"value": "log.example.com/signing"})
    assert named.status_code == 200, named.text
    (key,) = api.get("/v1/log/keys").json["items"]
    assert (key["origin"], key["begun_at"]) == ("log.example.com/signing", None)
    verify_receipt(api.sign("release", ci, receipt=True).json["receipt"], key["key"])
    (row, *_) = api.rows(action="log:begin")
    assert (row["object"], row["actor"]) == ("log.example.com/signing", None)
    late = api.call("PUT", "/v1/settings/log-origin", {"value": "other.example"})
    assert (late.status_code, late.json["code"]) == (409, "log_has_begun")


@pytest.mark.parametrize(
    "origin", ["", "two words", "a+b", "a\nb", "https://x.example", "é.example", "x" * 121]
)
def test_an_origin_is_a_url_without_a_scheme(api: Api, origin: str) -> None:
    answer = api.call("PUT", "/v1/settings/log-origin", {"value": origin})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
