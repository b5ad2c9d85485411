"""The portable module and an older system: there when `make test-portable` has brought them."""

import os

from tests.tools.conftest import shell_for, slots, workbench

__all__ = ["shell_for", "slots", "workbench"]  # fixtures for pytest to find

BROUGHT = "SEALWRIGHT_DEBIAN_11"
"""The variable that names the folder with Debian 11's files; the module is SEALWRIGHT_MODULE."""

collect_ignore_glob = [] if os.environ.get(BROUGHT) else ["test_*.py"]
