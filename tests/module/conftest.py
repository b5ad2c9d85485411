"""Initialised modules: ours with a control plane behind it, and SoftHSM2 to compare with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealwright.pkcs11 import Module
from tests.conftest import KEYS, Environment
from tests.module.known_keys import Verifiers
from tests.module.providers import (
    PIN,
    SOFTHSM,
    Provider,
    generate_softhsm_keys,
    initialised,
    make_softhsm_tokens,
)
from tests.server import ControlPlane


@pytest.fixture(scope="session")
def softhsm_configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    configuration = make_softhsm_tokens(tmp_path_factory.mktemp("softhsm"), KEYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        generate_softhsm_keys(KEYS)
    return configuration


@pytest.fixture(params=["sealwright", "softhsm2"])
def provider_file(
    request: pytest.FixtureRequest, environment: Environment, module_file: Path
) -> Path:
    """A configured module that is not initialised."""
    if request.param == "softhsm2":
        configuration = request.getfixturevalue("softhsm_configuration")
        environment.set_exactly({"SOFTHSM2_CONF": str(configuration)})
        return SOFTHSM
    plane: ControlPlane = request.getfixturevalue("control_plane")
    environment.set(url=plane.url, api_key=request.getfixturevalue("builder_key"))
    return module_file


@pytest.fixture
def provider(provider_file: Path) -> Iterator[Provider]:
    """What holds for any PKCS#11 module is asked of both."""
    with initialised(provider_file) as module:
        is_softhsm = provider_file == SOFTHSM
        name, pin = ("softhsm2", PIN) if is_softhsm else ("sealwright", None)
        yield Provider(name, module, pin)


@pytest.fixture
def sealwright(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> Iterator[Provider]:
    """What only we promise."""
    environment.set(url=control_plane.url, api_key=builder_key)
    with initialised(module_file) as module:
        yield Provider("sealwright", module, None)


@pytest.fixture
def module(
    environment: Environment, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> Iterator[Module]:
    """Ours, configured for the shared control plane, not initialised; finalised after."""
    environment.set(url=control_plane.url, api_key=builder_key)
    loaded = Module(module_file)
    yield loaded
    loaded.native.finalize()


@pytest.fixture
def verifiers(
    provider_file: Path, environment: Environment, control_plane: ControlPlane
) -> Iterator[Verifiers]:
    """Tokens of either module with public keys of the test's choosing."""
    made = Verifiers(provider_file, environment, control_plane)
    yield made
    made.close()
