"""Where the tools run."""

from pathlib import Path

import pytest

from tests.server import ControlPlane, surroundings
from tests.tools.matrix import ShellFor
from tests.tools.recipes import shell
from tests.tools.tool import Workbench


@pytest.fixture
def workbench(
    tmp_path: Path, control_plane: ControlPlane, builder_key: str, module_file: Path
) -> Workbench:
    """As the machine that may sign with every shared signer."""
    bench = Workbench(tmp_path, module_file, surroundings(tmp_path))
    return bench.with_variables(url=control_plane.url, api_key=builder_key)


@pytest.fixture(scope="session")
def slots(control_plane: ControlPlane, builder_key: str) -> dict[str, int]:
    """The slot of each shared signer, which is its number."""
    signers = control_plane.client(builder_key).signers(limit=100).value.items
    return {signer.name: signer.number for signer in signers}


@pytest.fixture
def shell_for(workbench: Workbench, slots: dict[str, int]) -> ShellFor:
    return lambda signer, access: shell(workbench, signer, slots[signer], access)
