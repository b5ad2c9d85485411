"""Nothing is skipped where CI runs."""

import os

import pytest

from tests.capability import Capability


@pytest.mark.skipif(
    os.environ.get("CI") != "true", reason="what may be missing: CI=true forbids it"
)
@pytest.mark.parametrize("capability", Capability, ids=lambda capability: capability.name)
def test_a_machine_that_runs_ci_gives_what_tests_need(capability: Capability) -> None:
    assert capability.is_here, capability.value
