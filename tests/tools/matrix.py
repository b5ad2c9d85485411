"""What each tool is tried with: kinds of key, and ways to the API key."""

from collections.abc import Callable

import pytest

from tests.tools.recipes import Access
from tests.tools.tool import Workbench

SIGNERS = ("rsa-3072", "p256", "p384")

ShellFor = Callable[[str, Access], Workbench]
"""For a shared signer: where the recipes of docs/tools.md run."""

every_signer = pytest.mark.parametrize("signer", SIGNERS)
every_access = pytest.mark.parametrize("access", list(Access), ids=lambda access: access.value)
