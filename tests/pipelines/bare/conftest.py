"""A bare Debian 12, there when `make test-pipelines` has brought it."""

import os

ROOT = "SEALWRIGHT_BARE_ROOT"
"""The variable that names its folder; the module is SEALWRIGHT_MODULE."""

collect_ignore_glob = [] if os.environ.get(ROOT) else ["test_*.py"]
