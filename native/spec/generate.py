"""Writes the module's C surface from functions.toml.

    generate.py functions.toml OUTPUT_DIR

makes in OUTPUT_DIR

    abi/functions.h            one declaration for each function that the abi folder defines
    abi/entry_points.cc        the exported C_ functions, the function lists, the interfaces
    abi/function_list_3_0.h    the structure of the 3.0 list, which not every header has
    bindings/function_table.h  every function by its place in a list and its name
    exports.map                the linker's version script
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("lifecycle", "implemented", "session", "interface", "unsupported")
VERSIONS = ("2.40", "3.0")
HANDLE = "CK_SESSION_HANDLE hSession"
NOTE = "// Generated from native/spec/functions.toml."


class SpecificationError(Exception):
    """functions.toml says something that no C surface can be made of."""


@dataclass(frozen=True)
class Function:
    """One C_ function: its name, how it is answered, its parameters as C declares them, and the
    version of the standard that brought it."""

    name: str
    kind: str
    parameters: tuple[str, ...]
    since: str = VERSIONS[0]

    @property
    def definition(self) -> str:
        """The name of the C++ function behind the entry point: C_GetSlotList, get_slot_list."""
        words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", self.name.removeprefix("C_"))
        return "_".join(words).lower()

    @property
    def arguments(self) -> list[str]:
        return [parameter.split()[-1] for parameter in self.parameters]

    @property
    def types(self) -> str:
        return ", ".join(parameter.split()[0] for parameter in self.parameters)

    @property
    def is_new(self) -> bool:
        return self.since != VERSIONS[0]

    def entry(self, version: str) -> str:
        """What stands in the list of this version: an exported function, unless it has to know
        through which list it was called."""
        both = self.kind != "interface" or version == VERSIONS[0]
        return self.name if both else f"{self.name}_{version.replace('.', '_')}"


def read(path: Path) -> list[Function]:
    """Parses and checks the list; raises SpecificationError naming the function at fault."""
    functions: list[Function] = []
    for entry in tomllib.loads(path.read_text())["function"]:
        since = entry.get("since", VERSIONS[0])
        function = Function(entry["name"], entry["kind"], tuple(entry["parameters"]), since)
        if function.kind not in KINDS:
            raise SpecificationError(f"{function.name}: kind {function.kind!r} is none of {KINDS}")
        if function.since not in VERSIONS:
            raise SpecificationError(f"{function.name}: since {since!r} is none of {VERSIONS}")
        if any(len(parameter.split()) != 2 for parameter in function.parameters):
            raise SpecificationError(f"{function.name}: a parameter is a type and a name")
        if function.kind == "session" and function.parameters[:1] != (HANDLE,):
            raise SpecificationError(f"{function.name}: does not begin with {HANDLE!r}")
        if any(function.name == other.name for other in functions):
            raise SpecificationError(f"{function.name}: listed twice")
        if functions and functions[-1].is_new and not function.is_new:
            raise SpecificationError(f"{function.name}: stands behind what is newer")
        functions.append(function)
    return functions


def text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def declaration(function: Function) -> str:
    given = {
        "lifecycle": [],
        "implemented": ["library::Provider& provider"],
        "session": ["library::Provider& provider"],
        "interface": ["library::Provider& provider", "CK_VERSION version"],
    }[function.kind]
    signature = f"Result<void> {function.definition}({', '.join([*given, *function.parameters])})"
    if function.kind != "session":
        return f"{signature};"
    own = signature.replace(HANDLE, "session::Session& session")
    arguments = ", ".join(["provider", "session", *function.arguments[1:]])
    return text(
        [
            f"{own};",
            f"inline {signature} {{",
            "  return in_session(provider, hSession, [&](session::Session& session) {",
            f"    return {function.definition}({arguments});",
            "  });",
            "}",
        ]
    ).rstrip()


def header(functions: list[Function]) -> str:
    return text(
        [
            NOTE,
            "#pragma once",
            "",
            "#include <span>",
            "",
            '#include "abi/in_session.h"',
            '#include "base/cryptoki.h"',
            '#include "base/result.h"',
            '#include "library/provider.h"',
            "",
            "namespace sealwright::abi {",
            "",
            "CK_FUNCTION_LIST_PTR function_list();",
            "std::span<CK_INTERFACE> interfaces();  // the default one first",
            "",
            *(declaration(each) for each in functions if each.kind != "unsupported"),
            "",
            "}  // namespace sealwright::abi",
        ]
    )


def function_list_3_0(functions: list[Function]) -> str:
    return text(
        [
            NOTE,
            "#pragma once",
            "",
            '#include "base/cryptoki.h"',
            "",
            "namespace sealwright {",
            "",
            "// CK_FUNCTION_LIST_3_0 (PKCS#11 v3.0 §3.7).",
            "struct FunctionList30 {",
            "  CK_VERSION version;",
            *(f"  CK_RV (*{each.name})({each.types});" for each in functions),
            "};",
            "",
            "}  // namespace sealwright",
        ]
    )


def body(function: Function, version: str) -> str:
    space = "sealwright::abi::"
    if function.kind == "unsupported":
        return f'return {space}refuse("{function.name}");'
    given = {
        "lifecycle": [],
        "implemented": ["provider"],
        "session": ["provider"],
        "interface": ["provider", f"sealwright::kCryptoki{version.replace('.', '')}"],
    }[function.kind]
    call = f"{space}{function.definition}({', '.join([*given, *function.arguments])})"
    if function.kind == "lifecycle":
        return f'return {space}guard_lifecycle("{function.name}", [&] {{ return {call}; }});'
    return (
        f'return {space}guard("{function.name}", '
        f"[&](sealwright::library::Provider& provider) {{ return {call}; }});"
    )


def entry_point(function: Function, version: str) -> str:
    name = function.entry(version)
    parameters = function.types
    if function.kind != "unsupported":
        parameters = ", ".join(function.parameters)
    linkage = "SEALWRIGHT_EXPORT" if name == function.name else "static"
    return f"{linkage} CK_RV {name}({parameters}) {{\n  {body(function, version)}\n}}\n"


def entry_points(functions: list[Function]) -> str:
    first, newest = VERSIONS
    old = [each for each in functions if not each.is_new]
    return text(
        [
            NOTE,
            '#include "abi/diagnosis.h"',
            '#include "abi/function_list_3_0.h"',
            '#include "abi/functions.h"',
            '#include "abi/guard.h"',
            "",
            '#define SEALWRIGHT_EXPORT extern "C" __attribute__((visibility("default")))',
            "",
            *(entry_point(each, first) for each in functions),
            *(entry_point(each, newest) for each in functions if each.entry(newest) != each.name),
            "namespace sealwright::abi {",
            "namespace {",
            "",
            "CK_FUNCTION_LIST list_2_40 = {",
            "    kCryptoki240,",
            *(f"    {each.entry(first)}," for each in old),
            "};",
            "",
            "FunctionList30 list_3_0 = {",
            "    kCryptoki30,",
            *(f"    {each.entry(newest)}," for each in functions),
            "};",
            "",
            'char name[] = "PKCS 11";',
            "CK_INTERFACE offered[] = {{name, &list_3_0, 0}, {name, &list_2_40, 0},",
            "                          {diagnosis_name, &diagnosis, 0}};",
            "",
            "}  // namespace",
            "",
            "CK_FUNCTION_LIST_PTR function_list() { return &list_2_40; }",
            "",
            "std::span<CK_INTERFACE> interfaces() { return offered; }",
            "",
            "}  // namespace sealwright::abi",
        ]
    )


def function_table(functions: list[Function]) -> str:
    def entry(function: Function) -> str:
        structure = "FunctionList30" if function.is_new else "CK_FUNCTION_LIST"
        return f'make.template operator()<&{structure}::{function.name}>("{function.name}"),'

    return text(
        [
            NOTE,
            "#pragma once",
            "",
            "#include <array>",
            "",
            '#include "abi/function_list_3_0.h"',
            "",
            "namespace sealwright::bindings {",
            "",
            "// What `make.operator()<place in a list>(name)` makes of each function.",
            "template <typename Make>",
            "constexpr auto function_table(Make make) {",
            "  return std::array{",
            *(f"      {entry(each)}" for each in functions),
            "  };",
            "}",
            "",
            "}  // namespace sealwright::bindings",
        ]
    )


def exports(functions: list[Function]) -> str:
    """A version script with an anonymous node: a named one would show up as an export itself."""
    names = "".join(f"    {function.name};\n" for function in functions)
    return f"{{\n  global:\n{names}  local: *;\n}};\n"


FILES = {
    "abi/functions.h": header,
    "abi/entry_points.cc": entry_points,
    "abi/function_list_3_0.h": function_list_3_0,
    "bindings/function_table.h": function_table,
    "exports.map": exports,
}


def write_if_changed(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write("usage: generate.py functions.toml OUTPUT_DIR\n")
        return 2
    try:
        functions = read(Path(arguments[0]))
    except SpecificationError as fault:
        sys.stderr.write(f"{arguments[0]}: {fault}\n")
        return 1
    for name, content in FILES.items():
        write_if_changed(Path(arguments[1]) / name, content(functions))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
