"""Who may vouch for a server: the CA that is named, or the machine's (docs/module.md).

By the rules of the module's `net/system_authorities.cc`: what SSL_CERT_FILE names must be there,
and nothing counts that others can change.
"""

import os
import re
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from sealwright.client.environment import trimmed
from sealwright.client.errors import MisconfiguredError
from sealwright.client.private_file import changed_by_others

_HASH_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def trust(ca_file: Path | None, environment: Mapping[str, str]) -> ssl.SSLContext:
    """A context for TLS that believes servers whom these vouch for.

    Raises:
        MisconfiguredError: names the file or folder that cannot be used, and why.
        OSError: `ca_file` cannot be used.
    """
    if ca_file is not None:
        return ssl.create_default_context(cafile=ca_file)
    file = trimmed(environment.get("SSL_CERT_FILE", ""))
    named = trimmed(environment.get("SSL_CERT_DIR", "")).split(":")
    folders = [Path(each) for each in named if each and Path(each).is_dir()]
    if file:
        _check(Path(file), f"SSL_CERT_FILE names {file}")
    shared = [folder for folder in folders if _is_shared(folder)]
    if not file and not shared:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    known = ssl.get_default_verify_paths()
    if file:
        _load(context, file)
    elif known.cafile:
        context.load_verify_locations(known.cafile)
    for folder in folders or ([Path(known.capath)] if known.capath else []):
        if folder in shared:
            # At once, not when they are needed: somebody could put another one there meanwhile.
            _load_what_nobody_else_can_change(context, folder)
        else:
            context.load_verify_locations(capath=folder)
    return context


def _check(path: Path, what: str) -> None:
    try:
        facts = path.stat()
    except OSError as fault:
        raise MisconfiguredError(f"{what}: {fault.strerror}") from None
    if reason := changed_by_others(facts):
        raise MisconfiguredError(f"{what}: {reason}")


def _is_shared(folder: Path) -> bool:
    """Whether others can put files into it. Those of a sticky folder, such as a volume of
    Kubernetes, stay their owner's; any other is refused."""
    facts = folder.stat()
    if facts.st_mode & stat.S_ISVTX and facts.st_uid in {0, os.geteuid()}:
        return changed_by_others(facts) is not None
    _check(folder, f"SSL_CERT_DIR names {folder}")
    for file in _authorities_in(folder):
        if file.exists():
            _check(file, f"SSL_CERT_DIR names {folder}: {file.name}")
    return False


def _authorities_in(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if _HASH_NAME.fullmatch(file.name)]


def _load_what_nobody_else_can_change(context: ssl.SSLContext, folder: Path) -> None:
    for file in _authorities_in(folder):
        try:
            ways = [file.lstat(), file.stat()]
            if not any(_is_theirs(facts) for facts in ways):
                context.load_verify_locations(file)
        except OSError:  # nor does OpenSSL mind
            continue


def _is_theirs(facts: os.stat_result) -> bool:
    if stat.S_ISLNK(facts.st_mode):  # whose mode says nothing
        return facts.st_uid not in {0, os.geteuid()}
    return changed_by_others(facts) is not None


def _load(context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(file)
    except OSError as fault:
        raise MisconfiguredError(f"SSL_CERT_FILE names {file}: {fault.strerror or fault}") from None
