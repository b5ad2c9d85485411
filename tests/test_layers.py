"""Native folders depend one way: abi → library → session → token → crypto → remote → net → base."""

import re
from pathlib import Path

import pytest

NATIVE = Path(__file__).parent.parent / "native"
LAYERS = ["base", "net", "remote", "settings", "crypto", "token", "session", "library", "abi"]
INCLUDE = re.compile(r'^#include "(?P<layer>[a-z0-9_]+)/', re.MULTILINE)


def included_layers(source: Path) -> set[str]:
    return {match["layer"] for match in INCLUDE.finditer(source.read_text())}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_includes_only_itself_and_layers_below(layer: str) -> None:
    sources = [path for path in (NATIVE / layer).iterdir() if path.suffix in {".cc", ".h"}]
    assert sources, f"native/{layer} holds no sources"
    allowed = set(LAYERS[: LAYERS.index(layer) + 1])
    offending = {
        source.name: sorted(forbidden)
        for source in sources
        if (forbidden := included_layers(source) - allowed)
    }
    assert offending == {}


def test_every_native_folder_with_sources_is_a_known_layer() -> None:
    folders = {path.parent.name for path in NATIVE.glob("*/*.cc")}
    assert folders - set(LAYERS) == {"bindings", "fuzz"}


def test_only_one_place_starts_openssl() -> None:
    starters = [path.name for path in NATIVE.rglob("*.cc") if "OPENSSL_init" in path.read_text()]
    assert starters == ["openssl.cc"]
