"""The recipe of each tool."""

import shlex
from collections.abc import Callable, Mapping

from sealwright.setup.recipe import ED25519, CannotSignError, File, Recipe, Token

CHAIN = "chain.pem"
"""Whoever issued the signer's certificate, behind it; tools that need it embed it."""


def recipe_for(tool: str, token: Token) -> Recipe:
    """`tool`: one of TOOLS. Raises CannotSignError."""
    if token.key == ED25519 and tool not in _WITH_ED25519:
        raise CannotSignError(
            f"{tool} cannot sign with Ed25519 keys, as {token.name}'s is: "
            f"{' and '.join(sorted(_WITH_ED25519))} can."
        )
    return TOOLS[tool](token)


def _sunpkcs11(token: Token) -> File:
    lines = ("name = Sealwright", f"library = {token.module}", f"slot = {token.slot}")
    return File(f"sealwright-{token.name}.cfg", "\n".join(lines) + "\n")


def _issuers(token: Token) -> str:
    return f"sealwright signer certificate {token.name} --chain > {CHAIN}"


def _jarsigner(token: Token) -> Recipe:
    file = _sunpkcs11(token)
    stamp = f" -tsa {shlex.quote(token.timestamps)}" if token.timestamps else ""
    return Recipe(
        [file],
        [
            f"jarsigner -keystore NONE -storetype PKCS11 -protected{stamp} \\",
            f"  -addprovider SunPKCS11 -providerArg {file.path} app.jar {token.name}",
        ],
    )


def _keytool(token: Token) -> Recipe:
    file = _sunpkcs11(token)
    return Recipe(
        [file],
        [
            "keytool -list -keystore NONE -storetype PKCS11 -storepass NONE \\",
            f"  -addprovider SunPKCS11 -providerArg {file.path}",
        ],
    )


def _apksigner(token: Token) -> Recipe:
    file = _sunpkcs11(token)
    exported = "jdk.crypto.cryptoki/sun.security.pkcs11=ALL-UNNAMED"
    return Recipe(
        [file],
        [
            f"apksigner -J-add-exports={exported} sign \\",
            f"  --provider-class sun.security.pkcs11.SunPKCS11 --provider-arg {file.path} \\",
            "  --ks NONE --ks-type PKCS11 --ks-pass pass:NONE --in app.apk --out signed.apk",
        ],
    )


def _jsign(token: Token) -> Recipe:
    file = _sunpkcs11(token)
    stamp = (
        f" --tsaurl {shlex.quote(token.timestamps)} --tsmode RFC3161" if token.timestamps else ""
    )
    return Recipe(
        [file],
        [
            f"jsign --storetype PKCS11 --keystore {file.path} --alias {token.name}{stamp} \\",
            "  app.exe",
        ],
    )


def _pkcs11_tool(token: Token) -> Recipe:
    how = "ECDSA-SHA256 --signature-format openssl"
    if token.is_rsa:
        how = "SHA256-RSA-PKCS"
    elif token.key == ED25519:
        how = "EDDSA"
    return Recipe(
        [],
        [
            f"pkcs11-tool --module {token.quoted_module} \\",
            f"  --token-label {token.name} --sign --mechanism {how} \\",
            "  --input-file app.bin --output-file app.sig",
        ],
    )


def _openssl(token: Token) -> Recipe:
    return Recipe(
        [],
        [
            f"export PKCS11_MODULE_PATH={token.quoted_module}",
            f"openssl dgst -engine pkcs11 -keyform engine -sign pkcs11:token={token.name} \\",
            "  -sha256 -out app.sig app.bin",
        ],
    )


def _pkcs11_provider(token: Token) -> Recipe:
    sections = {
        "": ["openssl_conf = start"],
        "start": ["providers = providers"],
        "providers": ["default = built_in", "pkcs11 = pkcs11"],
        "built_in": ["activate = 1"],
        "pkcs11": ["activate = 1", f"pkcs11-module-path = {token.module}"],
    }
    lines = [
        line
        for name, settings in sections.items()
        for line in ([f"[{name}]", *settings] if name else settings)
    ]
    file = File("sealwright-openssl.cnf", "\n".join(lines) + "\n")
    hashed = "" if token.key == ED25519 else " -sha256"
    return Recipe(
        [file],
        [
            f"export OPENSSL_CONF=$PWD/{file.path}",
            f"openssl dgst{hashed} -sign 'pkcs11:token={token.name};type=private' \\",
            "  -out app.sig app.bin",
        ],
    )


def _osslsigncode(token: Token) -> Recipe:
    stamp = f" -ts {shlex.quote(token.timestamps)}" if token.timestamps else ""
    return Recipe(
        [],
        [
            _issuers(token),
            f"osslsigncode sign -pkcs11module {token.quoted_module} \\",
            f"  -pkcs11cert pkcs11:token={token.name} -key pkcs11:token={token.name} \\",
            f"  -ac {CHAIN} -h sha256{stamp} -in app.exe -out signed.exe",
        ],
    )


def _cosign(token: Token) -> Recipe:
    path = token.module.replace("%", "%25").replace("?", "%3F").replace("&", "%26")
    uri = f"pkcs11:token={token.name};slot-id={token.slot};object={token.name}?module-path={path}"
    return Recipe(
        [],
        [
            "# A cosign that was built with the tag pkcs11key: the released ones know no PKCS#11.",
            "cosign sign-blob --tlog-upload=false --output-signature app.sig app.bin \\",
            f"  --key '{uri}'",
        ],
    )


def _gpg(token: Token) -> Recipe:
    if not token.is_rsa:
        raise CannotSignError(
            f"gpg signs with RSA keys alone, and {token.name}'s is {token.key}: "
            "sealwright signer create NAME --key rsa-3072"
        )
    agent = "scdaemon-program /usr/bin/gnupg-pkcs11-scd\n"
    daemon = f"providers sealwright\nprovider-sealwright-library {token.module}\n"
    return Recipe(
        [
            File(f"{token.gnupg_home}/gpg-agent.conf", agent, is_shared=True),
            File(f"{token.gnupg_home}/gnupg-pkcs11-scd.conf", daemon, is_shared=True),
        ],
        [
            "gpgconf --kill all",
            "gpg --card-status > /dev/null",
            "# Once, an OpenPGP key around the signer's key: docs/tools.md, gpg. From then on:",
            "gpg --local-user releases@example.org --armor --detach-sign app.bin",
        ],
    )


TOOLS: Mapping[str, Callable[[Token], Recipe]] = {
    "jarsigner": _jarsigner,
    "keytool": _keytool,
    "apksigner": _apksigner,
    "jsign": _jsign,
    "osslsigncode": _osslsigncode,
    "openssl": _openssl,
    "pkcs11-provider": _pkcs11_provider,
    "pkcs11-tool": _pkcs11_tool,
    "cosign": _cosign,
    "gpg": _gpg,
}

_WITH_ED25519 = {"pkcs11-tool"}
