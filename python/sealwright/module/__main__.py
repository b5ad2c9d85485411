"""`sealwright-module path | doctor`: what `sealwright module` does, with nothing but Python."""

import argparse
import json
import os
import sys

from . import ModuleMissingError, module_path
from .findings import Finding, State, examine


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="sealwright-module", description="The PKCS#11 library on this machine."
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON, for programs")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "path",
        parents=[as_json],
        help="where the library is: the path that tools are configured with",
    )
    commands.add_parser(
        "doctor",
        parents=[as_json],
        help="what is right and wrong with its configuration here, and what to do about it",
    )
    chosen = parser.parse_args()
    return {"path": _path, "doctor": _doctor}[chosen.command](chosen.json)


def _path(as_json: bool) -> int:
    try:
        path = str(module_path())
    except ModuleMissingError as missing:
        sys.stderr.write(f"sealwright-module: {missing}\n")
        return 1
    _print(json.dumps({"path": path}) if as_json else path)
    return 0


def _doctor(as_json: bool) -> int:
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _tell(finding)
    healthy = all(finding.state is not State.FAIL for finding in findings)
    if as_json:
        _print(json.dumps({"healthy": healthy, "findings": [_line(each) for each in findings]}))
    return 0 if healthy else 1


def _tell(finding: Finding) -> None:
    _print(f"{finding.state.value:4}  {finding.check}: {_printable(finding.text)}")
    if finding.next_step:
        _print(f"      -> {_printable(finding.next_step)}")


def _line(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "state": finding.state.value,
        "text": finding.text,
        "next_step": finding.next_step,
    }


def _printable(text: str) -> str:
    """What came from files and servers cannot move the cursor."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _print(line: str) -> None:
    if sys.stdout is None:
        raise SystemExit("sealwright-module: stdout is closed")
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as fault:
        # What is stuck in the stream would be written again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(
            f"sealwright-module: the answer cannot be written to stdout: {fault.strerror}"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
