"""Packages in bare Debians, where `make test-packages` has brought both."""

import os
from pathlib import Path

import pytest

from tests.bare import ROOTS

collect_ignore_glob = [] if os.environ.get(ROOTS) else ["test_*.py"]
DIST = Path(__file__).parents[3] / "dist"


def built(name: str) -> Path:
    (package,) = DIST.glob(name)
    return package


@pytest.fixture(scope="session")
def module_package() -> Path:
    return built("sealwright-pkcs11_*_amd64.deb")


@pytest.fixture(scope="session")
def server_package() -> Path:
    return built("sealwright-server_*_amd64.deb")
