"""bill_of_materials.py VERSION: what a release is made of, as CycloneDX 1.6 (JSON) on stdout.

Sealwright's packages, what its module holds, and what the server and the command line run with, as
their lock file has it. The time is SOURCE_DATE_EPOCH's.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_ROOT = Path(__file__).parents[2]
_LOCK = _ROOT / "requirements/run.txt"
_VERSIONS = _ROOT / "native/portable/versions"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_IN_THE_MODULE = {
    "libboost1.81-dev": ("boost", "BSL-1.0"),
    "libboost-dev": ("boost", "BSL-1.0"),
    "libtomlplusplus-dev": ("tomlplusplus", "MIT"),
    "libexpected-dev": ("expected", "CC0-1.0"),
    "libp11-kit-dev": ("p11-kit", "BSD-3-Clause"),
}
_LICENSES = LicenseFactory()


def component(
    kind: ComponentType, name: str, version: str, purl: PackageURL, named: str | None
) -> Component:
    made = Component(
        type=kind,
        name=name,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        scope=ComponentScope.REQUIRED,
    )
    if named:
        made.licenses.add(_LICENSES.make_from_string(named))
    return made


def in_the_module() -> Iterator[Component]:
    """Statically linked, or headers of which code was made: as this machine has them."""
    (version,) = re.findall(r"^OPENSSL_CRATE=\S+\+(\S+)$", _VERSIONS.read_text(), re.MULTILINE)
    openssl = PackageURL("generic", name="openssl", version=version)
    yield component(ComponentType.LIBRARY, "openssl", version, openssl, "Apache-2.0")
    for package, (name, named) in _IN_THE_MODULE.items():
        asked = ["dpkg-query", "-W", "-f", "${source:Upstream-Version}", package]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        if found.returncode == 0 and found.stdout:
            purl = PackageURL("generic", name=name, version=found.stdout)
            yield component(ComponentType.LIBRARY, name, found.stdout, purl, named)


def license_of(installed: Distribution) -> str | None:
    """As its metadata has it, where that is an expression or a single line."""
    fields = installed.metadata
    named = fields.get_all("License-Expression") or fields.get_all("License") or [""]
    return named[0] if named[0] and "\n" not in named[0] else None


def run_with() -> Iterator[Component]:
    site = next(_ROOT.glob(".venv/lib/python3*/site-packages"))
    installed = {
        each.name.lower().replace("_", "-"): each for each in distributions(path=[str(site)])
    }
    for name, version in _PINNED.findall(_LOCK.read_text()):
        plain = re.sub(r"[-_.]+", "-", name).lower()
        purl = PackageURL("pypi", name=plain, version=version)
        named = license_of(installed[plain]) if plain in installed else None
        yield component(ComponentType.LIBRARY, plain, version, purl, named)


def bill_of_materials(version: str, at: datetime) -> Bom:
    purl = PackageURL("pypi", name="sealwright", version=version)
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, f"{purl.to_string()}?at={at.isoformat()}"))
    bom.metadata.timestamp = at
    bom.metadata.component = component(
        ComponentType.APPLICATION, "sealwright", version, purl, "Apache-2.0"
    )
    bom.metadata.tools.components.add(this_component())
    module = component(
        ComponentType.LIBRARY,
        "libsealwright-pkcs11.so",
        version,
        PackageURL("generic", name="libsealwright-pkcs11", version=version),
        "Apache-2.0",
    )
    held, python = list(in_the_module()), list(run_with())
    for each in (module, *held, *python):
        bom.components.add(each)
    bom.register_dependency(module, held)
    bom.register_dependency(bom.metadata.component, [module, *python])
    return bom


if __name__ == "__main__":
    made = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)
    bom = bill_of_materials(sys.argv[1], made)
    written = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    sys.stdout.write(written.output_as_string(indent=2) + "\n")
