"""page.py DOCUMENT VERSION TIME: sealwright-pkcs11(7) on stdout, of the table of settings in
docs/module.md. TIME is seconds since 1970."""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

_ROW = re.compile(r"^\| (`.+?) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)

_BEFORE = r"""
.SH NAME
sealwright\-pkcs11 \- PKCS#11 module that signs with keys on a Sealwright server
.SH DESCRIPTION
.B libsealwright\-pkcs11.so
shows a token for each signer of a control plane to tools that speak PKCS#11: jarsigner,
osslsigncode, openssl, gpg, pkcs11\-tool and others. What is signed is hashed here; each signature
is made by the control plane. It is registered with p11\-kit, and says nothing while nobody has
configured it.
.SH FILES
.TP
.I /etc/sealwright/pkcs11.toml
for the machine
.TP
.I ~/.config/sealwright/pkcs11.toml
of a user, read instead
.PP
.B SEALWRIGHT_CONFIG
names another one. Variables win over a file.
.SH SETTINGS
Each with its variable, and what holds without it.
"""

_AFTER = r"""
.SH SEE ALSO
.BR pkcs11.conf (5),
.BR p11\-kit (8).
.B sealwright module doctor
of the Python packages sealwright and sealwright\-module says what is wrong with a configuration.
"""


def roff(text: str) -> str:
    """Markdown's emphasis goes; nothing in it is a request or an escape of roff's."""
    plain = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", text)
    return plain.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").strip()


def page(document: str, version: str, at: datetime) -> str:
    lines = [f'.TH SEALWRIGHT\\-PKCS11 7 "{at:%Y-%m-%d}" "sealwright {version}"', _BEFORE.strip()]
    for setting, variable, default, meaning in _ROW.findall(document.partition("### Files")[0]):
        lines += [".TP", f".B {roff(setting)}", roff(meaning)]
        lines += (
            [".br", f"Variable {roff(variable)}; otherwise {roff(default)}."] if variable else []
        )
    return "\n".join([*lines, _AFTER.strip()]) + "\n"


if __name__ == "__main__":
    file, version, seconds = sys.argv[1:]
    at = datetime.fromtimestamp(int(seconds), UTC)
    sys.stdout.write(page(Path(file).read_text(), version, at))
