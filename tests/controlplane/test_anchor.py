"""What is noted outside of the store, and what of a store does not fit it."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controlplane.domain.anchor import Anchor, Place, Standing, find_mismatch
from controlplane.domain.operation import Head
from controlplane.errors import Code
from controlplane.keys.master_key import MasterKey
from controlplane.service.anchor_file import AnchorFile, Spoilt

AT = datetime(2026, 1, 31, 8, tzinfo=UTC)
FILE = Place(inode=7, device=1, path="/a/sealwright.db")
ANCHOR = Anchor("one", 20, "b" * 64, AT, "cd", FILE, ("k1", "k2"))
STANDING = Standing(
    instance="one",
    former=frozenset(),
    head=Head(30, "c" * 64, AT),
    root="ef",
    place=FILE,
    is_anchored=True,
    hash_at={20: "b" * 64}.get,
)


class TestFits:
    def test_a_store_that_grew(self) -> None:
        assert find_mismatch(ANCHOR, STANDING) is None

    def test_the_store_as_it_was(self) -> None:
        assert find_mismatch(ANCHOR, replace(STANDING, head=ANCHOR.head)) is None

    def test_one_that_went_on_from_what_was_noted(self) -> None:
        """The rollback was accepted, by another node or right before the anchor was to be written:
        how far the instance before it came counts no more."""
        went_on = replace(STANDING, instance="two", former=frozenset({"one"}), head=Head(5, "x"))
        shared = replace(went_on, place=Place(database=16384, system="1"))
        assert find_mismatch(ANCHOR, shared) is None
        # Of a file there is one anchor: an old one would let a copy pass.
        alone = find_mismatch(ANCHOR, went_on)
        assert alone is not None
        assert alone.code is Code.STORE_ROLLED_BACK


class TestDoesNotFit:
    def test_a_store_that_is_older(self) -> None:
        found = find_mismatch(ANCHOR, replace(STANDING, head=Head(17, "c" * 64, AT)))
        assert found is not None
        assert (found.code, found.lost) == (Code.STORE_ROLLED_BACK, 3)

    @pytest.mark.parametrize("there", [None, "d" * 64])
    def test_another_log(self, there: str | None) -> None:
        found = find_mismatch(ANCHOR, replace(STANDING, hash_at=lambda _: there))
        assert found is not None
        assert (found.code, found.lost) == (Code.STORE_ROLLED_BACK, None)

    def test_another_instance(self) -> None:
        found = find_mismatch(ANCHOR, replace(STANDING, instance="zero"))
        assert found is not None
        assert found.code is Code.STORE_ROLLED_BACK

    def test_a_copy(self) -> None:
        found = find_mismatch(ANCHOR, replace(STANDING, place=Place(inode=8, device=1, path="/a")))
        assert found is not None
        assert found.code is Code.STORE_COPIED


class TestPlaces:
    @pytest.mark.parametrize(
        "other",
        [
            FILE,
            Place(inode=7, device=1, path="/moved/sealwright.db"),
            Place(inode=7, device=9, path="/a/sealwright.db"),
        ],
        ids=["same", "moved", "after a reboot"],
    )
    def test_of_one_file(self, other: Place) -> None:
        assert FILE.is_same(other)

    @pytest.mark.parametrize(
        "other",
        [
            Place(inode=8, device=1, path="/a/sealwright.db"),
            Place(inode=7, device=9, path="/b/sealwright.db"),
            Place(database=7, system="1"),
        ],
        ids=["put in its place", "on another disk", "a database"],
    )
    def test_of_different_ones(self, other: Place) -> None:
        assert not FILE.is_same(other)
        assert not other.is_same(FILE)

    def test_of_databases(self) -> None:
        """A server that may not say which it is counts as the same."""
        one = Place(database=7, system="1")
        assert one.is_same(Place(database=7, system="1"))
        assert one.is_same(Place(database=7))
        assert not one.is_same(Place(database=7, system="2"))
        assert not one.is_same(Place(database=8, system="1"))


class TestFile:
    @pytest.fixture
    def file(self, tmp_path: Path) -> AnchorFile:
        file = AnchorFile(tmp_path / "anchor.json", MasterKey(b"m" * 32))
        file.write(ANCHOR)
        return file

    def test_says_what_was_noted(self, file: AnchorFile) -> None:
        assert file.read() == ANCHOR

    def test_is_for_its_owner_and_whole(self, file: AnchorFile) -> None:
        assert file.path.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in file.path.parent.iterdir()] == ["anchor.json"]

    def test_can_be_read_by_people(self, file: AnchorFile) -> None:
        said = json.loads(file.path.read_text())
        assert (said["version"], said["sequence"], said["row_hash"]) == (1, 20, "b" * 64)
        assert (said["instance"], said["at"]) == ("one", "2026-01-31T08:00:00Z")

    def test_may_be_missing(self, file: AnchorFile) -> None:
        file.remove()
        assert file.read() is None

    @pytest.mark.parametrize("name", list(msgspec.structs.asdict(ANCHOR)))
    def test_with_a_changed_member_is_spoilt(self, file: AnchorFile, name: str) -> None:
        name = "store" if name == "place" else name
        said = json.loads(file.path.read_text())
        said[name] = {
            "sequence": 19,
            "at": "2026-01-31T07:00:00Z",
            "store": {"inode": 8},
            "admins": ["k1", "k2", "k3"],
        }.get(name, "ff")
        file.path.write_text(json.dumps(said))
        with pytest.raises(Spoilt, match="was changed"):
            file.read()

    @pytest.mark.parametrize(
        "octets", [b"", b"{}", b"[]", b"\xff", b'{"version": 1}', b"{" * 100_000]
    )
    def test_of_another_shape_is_spoilt(self, file: AnchorFile, octets: bytes) -> None:
        file.path.write_bytes(octets)
        with pytest.raises(Spoilt, match="is no anchor"):
            file.read()

    def test_of_another_master_key_is_spoilt(self, file: AnchorFile) -> None:
        with pytest.raises(Spoilt, match="another master key"):
            AnchorFile(file.path, MasterKey(b"n" * 32)).read()

    def test_of_a_newer_version_says_so(self, file: AnchorFile) -> None:
        said = json.loads(file.path.read_text()) | {"version": 2}
        file.path.write_text(json.dumps(said))
        with pytest.raises(Spoilt, match="version 2"):
            file.read()

    def test_stays_as_it_was_where_the_new_one_cannot_be_written(
        self, file: AnchorFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: int) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="full"):
            file.write(msgspec.structs.replace(ANCHOR, sequence=21))
        assert file.read() == ANCHOR
