"""Writes the module's C surface from functions.toml.

    generate.py functions.toml OUTPUT_DIR

makes OUTPUT_DIR/abi/functions.h (one declaration for each function that the abi folder defines),
OUTPUT_DIR/abi/entry_points.cc (the exported C_ functions and the function list) and
OUTPUT_DIR/exports.map (the linker's version script).
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

KINDS = ("lifecycle", "implemented", "unsupported")


class SpecificationError(Exception):
    """functions.toml says something that no C surface can be made of."""


@dataclass(frozen=True)
class Function:
    """One C_ function: its name, how it is answered, and its parameters as C declares them."""

    name: str
    kind: str
    parameters: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The name of the C++ function behind the entry point: C_GetSlotList, get_slot_list."""
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", self.name.removeprefix("C_"))
        return "_".join(words).lower()

    @property
    def arguments(self) -> str:
        return ", ".join(parameter.split()[-1] for parameter in self.parameters)


def read(path: Path) -> list[Function]:
    """Parses and checks the list; raises SpecificationError naming the function at fault."""
    functions: list[Function] = []
    for entry in tomllib.loads(path.read_text())["function"]:
        function = Function(entry["name"], entry["kind"], tuple(entry["parameters"]))
        if function.kind not in KINDS:
            raise SpecificationError(f"{function.name}: kind {function.kind!r} is none of {KINDS}")
        if any(len(parameter.split()) != 2 for parameter in function.parameters):
            raise SpecificationError(f"{function.name}: a parameter is a type and a name")
        if any(function.name == other.name for other in functions):
            raise SpecificationError(f"{function.name}: listed twice")
        functions.append(function)
    return functions


def declaration(function: Function) -> str:
    provider = [] if function.kind == "lifecycle" else ["library::Provider& provider"]
    parameters = ", ".join([*provider, *function.parameters])
    return f"Result<void> {function.definition}({parameters});"


def header(functions: list[Function]) -> str:
    lines = [declaration(function) for function in functions if function.kind != "unsupported"]
    return "\n".join(
        [
            "// Generated from native/spec/functions.toml.",
            "#pragma once",
            "",
            "#include <p11-kit/pkcs11.h>",
            "",
            '#include "base/result.h"',
            '#include "library/provider.h"',
            "",
            "namespace sealwright::abi {",
            "",
            "CK_FUNCTION_LIST_PTR function_list();",
            "",
            *lines,
            "",
            "}  // namespace sealwright::abi",
            "",
        ]
    )


def entry_point(function: Function) -> str:
    if function.kind == "lifecycle":
        body = (
            f'return sealwright::abi::guard_lifecycle("{function.name}", [&] {{ '
            f"return sealwright::abi::{function.definition}({function.arguments}); }});"
        )
    elif function.kind == "implemented":
        arguments = ", ".join(["provider", function.arguments])
        body = (
            f'return sealwright::abi::guard("{function.name}", '
            "[&](sealwright::library::Provider& provider) { "
            f"return sealwright::abi::{function.definition}({arguments}); }});"
        )
    else:
        body = f'return sealwright::abi::refuse("{function.name}");'
    parameters = ", ".join(
        parameter if function.kind != "unsupported" else parameter.split()[0]
        for parameter in function.parameters
    )
    return f"SEALWRIGHT_EXPORT CK_RV {function.name}({parameters}) {{\n  {body}\n}}\n"


def entry_points(functions: list[Function]) -> str:
    pointers = "".join(f"    {function.name},\n" for function in functions)
    return "\n".join(
        [
            "// Generated from native/spec/functions.toml.",
            '#include "abi/functions.h"',
            '#include "abi/guard.h"',
            "",
            '#define SEALWRIGHT_EXPORT extern "C" __attribute__((visibility("default")))',
            "",
            *(entry_point(function) for function in functions),
            "namespace sealwright::abi {",
            "",
            "CK_FUNCTION_LIST_PTR function_list() {",
            "  static CK_FUNCTION_LIST list = {",
            "    {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR},",
            pointers + "  };",
            "  return &list;",
            "}",
            "",
            "}  // namespace sealwright::abi",
            "",
        ]
    )


def exports(functions: list[Function]) -> str:
    """A version script with an anonymous node: a named one would show up as an export itself."""
    names = "".join(f"    {function.name};\n" for function in functions)
    return f"{{\n  global:\n{names}  local: *;\n}};\n"


def write_if_changed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: generate.py functions.toml OUTPUT_DIR\n")
        return 2
    try:
        functions = read(Path(arguments[0]))
    except SpecificationError as fault:
        sys.stderr.write(f"{arguments[0]}: {fault}\n")
        return 1
    output = Path(arguments[1])
    write_if_changed(output / "abi" / "functions.h", header(functions))
    write_if_changed(output / "abi" / "entry_points.cc", entry_points(functions))
    write_if_changed(output / "exports.map", exports(functions))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
