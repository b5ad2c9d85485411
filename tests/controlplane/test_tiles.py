"""The log as a tree over HTTP (C2SP tlog-tiles), made again from its entries alone."""

import hashlib
from collections.abc import Callable, Iterator

import falcon.testing
import pytest

from controlplane.audit.log import append
from controlplane.domain.identifier import new_id
from controlplane.domain.instant import now
from controlplane.domain.model import OperationKind
from controlplane.domain.operation import Entry
from controlplane.domain.tree import TILE_WIDTH
from controlplane.service.installation import Services, proven_store
from controlplane.service.rates import BURST
from tests.controlplane.conftest import Api, Installation
from tests.controlplane.tlog import Checkpoint, open_note
from tests.world import SetClock

HASH = 32


def checkpoint_of(api: Api) -> Checkpoint:
    answer = api.get("/v1/log/checkpoint")
    assert answer.status_code == 200, answer.text
    (key,) = api.get("/v1/log/keys").json["items"]
    return open_note(answer.text, key["key"])


def octets(api: Api, path: str) -> bytes:
    answer = api.get(f"/v1/log/tile/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    return answer.content


def place(index: int, width: int) -> str:
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"{index:03d}{partial}"


def entries_of(api: Api, size: int) -> list[bytes]:
    entries = []
    for first in range(0, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - first)
        bundle = octets(api, f"entries/{place(first // TILE_WIDTH, width)}")
        assert len(bundle) == width * (2 + HASH)
        entries += [bundle[at + 2 : at + 2 + HASH] for at in range(0, len(bundle), 2 + HASH)]
        assert {bundle[at : at + 2] for at in range(0, len(bundle), 2 + HASH)} == {b"\x00\x20"}
    return entries


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as it stands there."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(hashes[:half]) + root_of(hashes[half:])).digest()


Grow = Callable[[int], None]


@pytest.fixture
def grow(installation: Installation, services: Services) -> Iterator[Grow]:
    """By so many rows."""
    store = proven_store(installation.location)

    def append_rows(rows: int) -> None:
        entries = [
            Entry(new_id(), now(), OperationKind.SIGN, "ci", signer="release") for _ in range(rows)
        ]
        with store.write() as database:
            append(database, entries)

    with store.closing():
        yield append_rows


def test_entries_and_tiles_lead_to_the_root_that_is_signed(api: Api, grow: Grow) -> None:
    grow(TILE_WIDTH + 20)
    checkpoint = checkpoint_of(api)
    entries = entries_of(api, checkpoint.size)
    head = api.get("/v1/operations/head").json
    assert (len(entries), entries[-1].hex()) == (head["sequence"], head["row_hash"])

    leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    assert root_of(leaves) == checkpoint.root
    assert octets(api, "0/000") == b"".join(leaves[:TILE_WIDTH])
    rest = checkpoint.size - TILE_WIDTH
    assert octets(api, f"0/{place(1, rest)}") == b"".join(leaves[TILE_WIDTH:])
    assert octets(api, "1/000.p/1") == root_of(leaves[:TILE_WIDTH])


def test_every_width_up_to_the_published_size_is_there_and_none_beyond(api: Api) -> None:
    size = checkpoint_of(api).size
    whole = octets(api, f"0/{place(0, size)}")
    for width in range(1, size + 1):
        assert octets(api, f"0/{place(0, width)}") == whole[: width * HASH]
        octets(api, f"entries/{place(0, width)}")
    for path in (f"0/{place(0, size + 1)}", "0/000", "0/001.p/1", "1/000.p/1", "entries/000"):
        answer = api.get(f"/v1/log/tile/{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "tile_not_found"), path


NO_TILES = (
    *("0/0", "0/0000", "0/000.p/0", "0/000.p/01", "0/000.p/256", "0/000.p", "0/x000/000"),
    *("64/000", "00/000", "-1/000", "a/000", "0/001/000", "0/x001/x000", "0/٠٠٠"),
    *("entries/1", "entries/000.p/-1", "0/" + "x999/" * 6 + "999", "0/000/"),
)


def test_what_is_no_tile_is_not_found(api: Api) -> None:
    checkpoint_of(api)
    for path in NO_TILES:
        assert api.call_unchecked("GET", f"/v1/log/tile/{path}").status_code == 404, path


def test_a_tile_far_beyond_every_log_is_not_found(api: Api) -> None:
    checkpoint_of(api)
    for path in ("0/" + "x999/" * 5 + "999", "63/" + "x999/" * 5 + "999.p/1"):
        assert api.get(f"/v1/log/tile/{path}").status_code == 404


def test_what_never_changes_is_kept_for_a_while_and_what_changes_is_asked_for_again(
    api: Api,
) -> None:
    """Not for ever: after a restore another log has the same address."""
    answer = api.get("/v1/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    etag = answer.headers["etag"]
    again = api.get("/v1/log/checkpoint", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    tile = api.get("/v1/log/tile/0/000.p/1")
    assert tile.headers["cache-control"] == "private, max-age=3600, immutable"
    entries = api.get("/v1/log/tile/entries/000.p/1")
    assert entries.headers["cache-control"] == "private, max-age=3600, immutable"
    missing = api.get("/v1/log/tile/0/009")
    assert missing.headers["cache-control"] == "no-store"


PATHS = (
    "/v1/log/checkpoint",
    "/v1/log/tile/0/000.p/1",
    "/v1/log/tile/entries/000.p/1",
    "/v1/log/consistency",
)


def statuses(api: Api, key: str | None) -> list[int]:
    asked = {PATHS[3]: "old=1&new=1"}
    return [api.get(path, key=key, query_string=asked.get(path)).status_code for path in PATHS]


def test_it_is_for_who_reads_everything_until_the_log_is_public(api: Api) -> None:
    checkpoint_of(api)
    auditor = api.made("/v1/identities", {"name": "eve", "kind": "user", "role": "auditor"})[
        "api_key"
    ]
    machine = api.machine("ci")
    assert statuses(api, auditor) == [200] * 4
    assert statuses(api, machine) == [403] * 4
    assert statuses(api, None) == [401] * 4
    assert statuses(api, "swk_" + "A" * 43) == [401] * 4

    api.call("PUT", "/v1/settings/log-public", {"value": "on"})
    assert statuses(api, machine) == statuses(api, None) == [200] * 4
    assert statuses(api, "swk_" + "A" * 43) == [401] * 4
    tile = api.get("/v1/log/tile/0/000.p/1", key=None)
    assert tile.headers["cache-control"] == "public, max-age=3600, immutable"

    api.call("PUT", "/v1/settings/log-public", {"value": "off"})
    assert statuses(api, None) == [401] * 4


def test_a_stranger_who_reads_without_end_waits_and_nobody_else_does(
    api: Api, services: Services, clock: SetClock
) -> None:
    checkpoint_of(api)
    clock.freeze()
    api.call("PUT", "/v1/settings/log-public", {"value": "on"})
    ci = api.machine("ci")
    api.signer("release", operator="ci")
    for _ in range(BURST):
        services.log_readers.admit(None, "127.0.0.1")
    answer = api.get(PATHS[1], key=None)
    assert (answer.status_code, answer.json["code"]) == (429, "too_many_calls")
    assert answer.headers["retry-after"] == "1"
    assert api.get(PATHS[1], key=None, remote_addr="192.0.2.7").status_code == 200
    assert api.sign("release", ci).status_code == 200
    assert statuses(api, "admin") == [200] * 4


def prove(api: Api, sizes: str) -> falcon.testing.Result:
    return api.get("/v1/log/consistency", query_string=sizes)


def test_one_size_is_proven_to_be_the_beginning_of_another(api: Api, grow: Grow) -> None:
    size = 3
    grow(9)
    later = checkpoint_of(api).size
    answer = prove(api, f"old={size}&new={size}")
    assert answer.json == {"hashes": []}
    assert prove(api, f"old={size}&new={later}").json["hashes"]
    for wrong in (f"old={later}&new={size}", f"old=1&new={later + 1}"):
        assert prove(api, f"{wrong}").status_code == 404
    for wrong in ("old=0&new=1", "old=1", "old=x&new=1"):
        assert prove(api, f"{wrong}").status_code == 400
