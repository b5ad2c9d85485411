"""No two signers of the built-in CA have common names that read the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.api.refusals import status_of
from controlplane.api.words import say_warning
from controlplane.domain.common_name import find_mixed_word, readings
from controlplane.domain.model import KeyAlgorithm, MemberRole
from controlplane.domain.page import PageRequest
from controlplane.domain.signer import SignerDescription
from controlplane.errors import Refused
from controlplane.store.tables import SignerRow
from tests.world import World, by_hand

ALIKE = {
    "case": ("Example Releases", "EXAMPLE releases"),
    "white space": ("Example Releases", "Example  Releases"),
    "an ideographic space": ("Example Releases", "Example\u3000Releases"),
    "full width": ("ACME", "\uff21\uff23\uff2d\uff25"),
    "mathematical": ("ACME", "\U0001d400\U0001d402\U0001d40c\U0001d404"),
    "Cyrillic": ("ACME", "\u0410\u0421\u041c\u0415"),
    "Cyrillic in another case": ("ACME", "\u0430\u0441\u043c\u0435"),
    "Greek": ("TOKEN", "\u03a4\u039f\u039a\u0395\u039d"),
    "a capital I": ("Mail Inc", "Mail lnc"),
    "a capital I in another case": ("RELEASE IT", "release it"),
    "digits": ("Tool 10", "Tool lO"),
    "an invisible letter": ("ACME", "AC\u3164ME"),
    "a variation selector": ("ACME", "AC\ufe00ME"),
    "letters that fold to two": ("Stra\u00dfe", "STRASSE"),
    "Greek in another case": ("\u0397\u03bb\u03b9\u03bf\u03c2", "\u0397\u039b\u0399\u039f\u03a3"),
}
UNLIKE = [
    ("ACME", "ACNE"),
    ("Example Releases", "Example Release"),
    ("Mail", "Mall"),
    ("Resume", "Resum\u00e9"),
    ("Tool 2", "Tool 3"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


def create(world: World, name: str, common_name: str, *, external: bool = False) -> None:
    wanted = SignerDescription(name, KeyAlgorithm.P256, common_name, external)
    world.services.signers.create(world.admin, wanted)


@pytest.mark.parametrize("what", ALIKE)
def test_names_that_read_the_same(what: str) -> None:
    one, other = ALIKE[what]
    assert readings(one) & readings(other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_names_that_do_not(one: str, other: str) -> None:
    assert not readings(one) & readings(other)


@pytest.mark.parametrize(
    "word", ["AC\u041cE", "\u0410cme", "\u13aacme", "Acme-\u03a9", "\u03bcTorrent"]
)
def test_a_word_that_mixes_scripts(word: str) -> None:
    assert find_mixed_word(f"The {word} Company") == word


@pytest.mark.parametrize(
    "name",
    [
        "\u041e\u041e\u041e Acme 2",
        "\u682a\u5f0f\u4f1a\u793e\u30a2\u30af\u30e1",
        "\uff21\uff23\uff2d\uff25\u88fd\u54c1",
        "Caf\u00e9 M\u00fcller & S\u00f8n",
        "caf\u0065\u0301",
    ],
)
def test_names_as_they_are_written(name: str) -> None:
    assert find_mixed_word(name) is None


class TestCreation:
    def test_under_another_s_name_is_refused(self, world: World) -> None:
        create(world, "release", "Example Releases")
        with pytest.raises(Refused) as refused:
            create(world, "releases", "example  RELEASES")
        assert (status_of(refused.value.code), refused.value.code) == (409, "common_name_used")
        assert "'release'" in refused.value.title
        assert len(world.services.signers.list(world.admin, PageRequest()).items) == 1

    def test_of_a_word_in_two_scripts_is_refused(self, world: World) -> None:
        with pytest.raises(Refused) as refused:
            create(world, "release", "AC\u041cE")
        assert (status_of(refused.value.code), refused.value.field) == (400, "common_name")

    def test_leaves_the_names_of_other_cas_alone(self, world: World) -> None:
        create(world, "outside", "Example Releases", external=True)
        create(world, "release", "Example Releases")
        create(world, "outside-too", "Example Releases", external=True)

    def test_is_refused_until_the_other_one_is_gone(self, world: World) -> None:
        create(world, "release", "Example Releases")
        world.services.signers.disable(world.admin, "release")
        world.services.signers.delete(world.admin, "release")
        with pytest.raises(Refused):
            create(world, "release2", "Example Releases")
        world.clock.advance(days=7)
        create(world, "release2", "Example Releases")


def test_those_from_before_stay_and_are_told_of(world: World) -> None:
    """To whoever may see them all."""
    ann = world.identity("ann")
    for name in ("one", "two", "three"):
        world.signer(name, ann=MemberRole.OPERATOR)
    with by_hand(world.location) as database:
        named = SignerRow.update(common_name="Acme").where(SignerRow.name.in_(["one", "two"]))
        named.execute(database)
    signers = world.services.signers
    told = {
        view.signer.name: [say_warning(each) for each in view.warnings]
        for view in signers.list(world.admin, PageRequest()).items
    }
    (sentence,) = told["one"]
    assert sentence.startswith("Its common name 'Acme' reads like that of two: ")
    assert (len(told["two"]), told["three"]) == (1, [])
    assert signers.get(world.admin, "two").warnings
    assert not signers.get(ann, "two").warnings
