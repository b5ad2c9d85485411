"""Where tools run that no package of .ci/packages brings: see `make test-foreign`."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tools import conftest as tools
from tests.tools.matrix import ShellFor
from tests.tools.recipes import shell
from tests.tools.tool import Workbench

slots = tools.slots
tools_workbench = tools.workbench

PROGRAMS = Path(__file__).parents[2] / "build" / "foreign" / "bin"


@pytest.fixture
def workbench(tools_workbench: Workbench) -> Workbench:
    """What `make test-foreign` has built stands before all else."""
    path = f"{PROGRAMS}{os.pathsep}{tools_workbench.environment['PATH']}"
    return replace(tools_workbench, environment={**tools_workbench.environment, "PATH": path})


@pytest.fixture
def shell_for(workbench: Workbench, slots: dict[str, int]) -> ShellFor:
    return lambda signer, access: shell(workbench, signer, slots[signer], access)
