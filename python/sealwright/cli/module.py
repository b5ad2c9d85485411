"""sealwright module: the PKCS#11 library on this machine."""

from typing import TYPE_CHECKING

import click
import msgspec

from sealwright.cli.failure import CommandError
from sealwright.cli.options import Group, LocalCommand, invocation
from sealwright.cli.output import print_object
from sealwright.cli.text import printable

if TYPE_CHECKING:
    from sealwright.module.findings import Finding


class _Path(msgspec.Struct):
    path: str


@click.group(cls=Group)
def module() -> None:
    """The PKCS#11 library on this machine."""


@module.command(cls=LocalCommand)
def path() -> None:
    """Where the library is: the path that tools are configured with."""
    from sealwright.module import ModuleMissingError, module_path

    try:
        found = str(module_path())
    except ModuleMissingError as missing:
        raise CommandError(str(missing), code="module_missing") from None
    if invocation().json:
        print_object(_Path(found))
    else:
        click.echo(found)


@module.command(cls=LocalCommand)
def doctor() -> None:
    """What is right and wrong with the module's configuration here, and what to do about it.

    Reads the same file and variables as the module: SEALWRIGHT_CONFIG, else
    ~/.config/sealwright/pkcs11.toml, else /etc/sealwright/pkcs11.toml. Exit code 1 if anything
    fails.
    """
    from sealwright.doctor import examine
    from sealwright.module.findings import State

    findings = []
    for finding in examine():
        findings.append(finding)
        if invocation().json:
            continue
        click.echo(f"{finding.state.value:4}  {finding.check}: {printable(finding.text)}")
        if finding.next_step:
            click.echo(f"      -> {printable(finding.next_step)}")
    healthy = all(finding.state is not State.FAIL for finding in findings)
    if invocation().json:
        print_object(_Diagnosis(healthy, [_line(finding) for finding in findings]))
    if not healthy:
        click.get_current_context().exit(1)


class _Line(msgspec.Struct):
    check: str
    state: str
    text: str
    next_step: str | None


def _line(finding: "Finding") -> _Line:
    return _Line(finding.check, finding.state.value, finding.text, finding.next_step)


class _Diagnosis(msgspec.Struct):
    healthy: bool
    findings: list[_Line]
