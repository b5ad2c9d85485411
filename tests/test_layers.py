"""Native folders depend one way: abi → library → session → token → crypto → remote → net → base."""

import re
from pathlib import Path

import pytest

NATIVE = Path(__file__).parent.parent / "native"
# What each may include beside itself.
BELOW: dict[str, set[str]] = {"base": set()}
BELOW["net"] = {"base"}
BELOW["crypto"] = {"base"}
BELOW["remote"] = {"base", "net", "crypto"}
BELOW["settings"] = {"base", "net", "remote"}
BELOW["token"] = {"base", "crypto", "remote"}
BELOW["session"] = {*BELOW["token"], "token"}
BELOW["library"] = {*BELOW["session"], "session", "settings", "net"}
BELOW["abi"] = {*BELOW["library"], "library"}
INCLUDE = re.compile(r'^#include "(?P<layer>[a-z0-9_]+)/', re.MULTILINE)


def included_layers(source: Path) -> set[str]:
    return {match["layer"] for match in INCLUDE.finditer(source.read_text())}


@pytest.mark.parametrize("layer", BELOW)
def test_a_layer_includes_only_itself_and_layers_below(layer: str) -> None:
    sources = [path for path in (NATIVE / layer).iterdir() if path.suffix in {".cc", ".h"}]
    assert sources, f"native/{layer} holds no sources"
    allowed = BELOW[layer] | {layer}
    offending = {
        source.name: sorted(forbidden)
        for source in sources
        if (forbidden := included_layers(source) - allowed)
    }
    assert offending == {}


def test_every_native_folder_with_sources_is_a_known_layer() -> None:
    folders = {path.parent.name for path in NATIVE.glob("*/*.cc")}
    assert folders - set(BELOW) == {"bindings", "fuzz"}


def test_only_one_place_starts_openssl() -> None:
    starters = [path.name for path in NATIVE.rglob("*.cc") if "OPENSSL_init" in path.read_text()]
    assert starters == ["openssl.cc"]
