"""A bare Debian 12, there when `make test-pipelines` has brought it."""

import os

from tests.bare import ROOTS

collect_ignore_glob = [] if os.environ.get(ROOTS) else ["test_*.py"]
