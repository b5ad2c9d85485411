"""archive.py VERSION COMMIT DEBIAN APPLICATION FILE: an OCI image of two layers, made of two
folders, as an archive (OCI image specification 1.1). The same folders make the same bytes.

In the archive is also what `docker load` looked for before it knew OCI's layout, with the same
layers. The health check is Docker's addition to the format; others pass over it.
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
NAME = "sealwright"
USER = 10001  # and group 0, as whose OpenShift runs whatever user it makes up
WRITABLE = {"data": 0o770, "run/sealwright": 0o775}
"""Folders of that user's, and what may be done in them."""
CONFIG = {
    "User": f"{USER}:0",
    "Env": ["PATH=/usr/bin", "LANG=C.UTF-8", "HOME=/data", "XDG_DATA_HOME=/data"],
    "Entrypoint": ["sealwright"],
    "Cmd": [
        *("serve", "--bind", "0.0.0.0:8443"),
        *("--tls-cert", "/etc/sealwright/tls.crt", "--tls-key", "/etc/sealwright/tls.key"),
    ],
    "ExposedPorts": {"8443/tcp": {}},
    "Volumes": {"/data": {}},
    "WorkingDir": "/",
    "StopSignal": "SIGTERM",
    "Healthcheck": {
        "Test": ["CMD", "sealwright", "health", "--url", "https://127.0.0.1:8443"],
        "Interval": 30_000_000_000,
        "Timeout": 10_000_000_000,
        "StartPeriod": 30_000_000_000,
    },
}


def main(version: str, commit: str, debian: str, application: str, file: str) -> None:
    layers = [_layer(Path(debian)), _layer(Path(application))]
    at = datetime.fromtimestamp(EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.description": "Self-hosted code signing: the control plane",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": at,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    config = {
        "created": at,
        "architecture": "amd64",
        "os": "linux",
        "config": CONFIG | {"Labels": labels},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers],
        },
        "history": [
            {"created": at, "created_by": "packages of Debian's"},
            {"created": at, "created_by": f"{NAME} {version}"},
        ],
    }
    blobs = _Blobs()
    media = "application/vnd.oci.image."
    described = [
        blobs.add(f"{media}layer.v1.tar+gzip", gzip.compress(each, mtime=0)) for each in layers
    ]
    about = blobs.add(f"{media}config.v1+json", _json(config))
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{media}manifest.v1+json",
        "config": about,
        "layers": described,
        "annotations": labels,
    }
    tag = f"{NAME}:{version}"
    named = {
        "io.containerd.image.name": f"docker.io/library/{tag}",
        "org.opencontainers.image.ref.name": version,
    }
    index = {
        "schemaVersion": 2,
        "mediaType": f"{media}index.v1+json",
        "manifests": [
            blobs.add(f"{media}manifest.v1+json", _json(manifest))
            | {"platform": {"architecture": "amd64", "os": "linux"}, "annotations": named}
        ],
    }
    before = [
        {
            "Config": blobs.path(about),
            "RepoTags": [tag],
            "Layers": [blobs.path(each) for each in described],
        }
    ]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(before),
    } | blobs.files
    with Path(file).open("wb") as out:
        _write(files, out)


class _Blobs:
    """By their sums."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def add(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        described = {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
        self.files[self.path(described)] = content
        return described

    @staticmethod
    def path(described: dict[str, Any]) -> str:
        return f"blobs/{described['digest'].replace(':', '/')}"


def _layer(root: Path) -> bytes:
    """A tar of it, not compressed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            entry = tar.gettarinfo(path, name)
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = EPOCH, 0, 0, "", ""
            if name in WRITABLE:
                entry.uid, entry.mode = USER, WRITABLE[name]
            if entry.isreg():
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return out.getvalue()


def _write(files: dict[str, bytes], out: BinaryIO) -> None:
    folders = sorted({str(each) for name in files for each in Path(name).parents} - {"."})
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in [*folders, *sorted(files)]:
            entry = tarfile.TarInfo(name)
            entry.mtime = EPOCH
            if name in files:
                entry.size = len(files[name])
                tar.addfile(entry, io.BytesIO(files[name]))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


main(*sys.argv[1:])
