"""What a script, a test or a recipe starts comes with a package of .ci/packages, or with what
that one depends on: a bare Debian has nothing else."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LISTS = {path.stem: path for path in (ROOT / ".ci" / "packages").glob("*.txt")}

TOOLS_OF_THEIR_OWN = {"cargo", "docker", "go", "gh", "mvn", "node", "npm", "podman"}
TOOLS_OF_THEIR_OWN |= {"rpmkeys", "rpmsign", "rustc"}
"""What `make test` does without: a target or a recipe that says so itself wants them."""

OURS = {"init"}
"""What stands first among arguments of our own, and is a program of Debian's too."""

COMMAND = re.compile(
    r"(?:^|[|;&(]|\b(?:then|do|else|if|while|until|exec)\s)\s*(?:\w+=\S+\s+)*([a-z][\w.+-]+)(?=\s)"
)
"""Where a shell script names a program, roughly; what is no installed program is none."""


FIELDS = r"${Package}\t${Priority}\t${Essential}\t${Provides}\t${Pre-Depends}, ${Depends}\n"

RUNNING = {"run", "must", "which"}


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_is_sorted_and_names_nothing_twice(name: str) -> None:
    lines = LISTS[name].read_text().splitlines()
    assert lines == sorted(set(lines))


def test_what_testing_needs_besides_is_not_in_the_other_lists() -> None:
    others = LISTS["build"].read_text().splitlines() + LISTS["run"].read_text().splitlines()
    assert set(LISTS["test"].read_text().splitlines()).isdisjoint(others)


def test_what_is_started_comes_with_the_listed_packages() -> None:
    assert foreign_to(LISTS.values(), set(started()) - TOOLS_OF_THEIR_OWN - OURS) == {}


def test_the_demo_needs_no_package_for_tests() -> None:
    programs = set(in_shell((ROOT / "docs" / "demo" / "run").read_text()))
    assert {"jarsigner", "keytool", "openssl", "pkcs11-tool"} <= programs
    assert foreign_to([LISTS["build"], LISTS["run"]], programs) == {}


def foreign_to(lists: Iterable[Path], programs: Iterable[str]) -> dict[str, set[str]]:
    """The programs that these do not bring, and the packages that would."""
    brought = all_that_comes_with(lists)
    owners = packages_of(programs)
    return {program: of for program, of in owners.items() if of.isdisjoint(brought)}


def started() -> Iterator[str]:
    """Words where programs stand: in lists of arguments, in scripts, in the code of documents."""
    for path in (ROOT / "tests").rglob("*.py"):
        if "foreign" not in path.parts:
            yield from in_python(path.read_text())
    for path in (ROOT / "bench").rglob("*.py"):
        yield from in_python(path.read_text())
    for script in (
        ROOT / ".ci" / "set-up",
        ROOT / ".ci" / "newest-p11-kit",
        ROOT / "docs/demo/run",
    ):
        yield from in_shell(script.read_text())
    for document in (ROOT / "README.md", ROOT / "docs" / "tools.md"):
        for block in re.findall(r"^```(?:bash|sh)\n(.*?)^```", document.read_text(), re.M | re.S):
            yield from in_shell(block)
    yield from in_shell((ROOT / "Makefile").read_text().replace("\t@", "\t"))


def in_python(source: str) -> Iterator[str]:
    """The first of a list of texts, or of the arguments of what runs them."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.List(elts=[ast.Constant(value=str(first)), *_]):
                yield first
            case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value=str(first)), *_]):
                if name in RUNNING:
                    yield first


def in_shell(script: str) -> Iterator[str]:
    for line in script.splitlines():
        yield from COMMAND.findall(line.partition(" #")[0])


def packages_of(programs: Iterable[str]) -> dict[str, set[str]]:
    """For each installed program those that it may be of; what Debian did not bring is left out."""
    places = {
        place: program
        for program in programs
        if re.fullmatch(r"[a-z][\w.+-]*", program)  # POST is a method, and a program of Debian's
        and (found := shutil.which(program))
        and found.startswith(("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"))
        for place in (found, found.removeprefix("/usr"), str(Path(found).resolve()))
    }
    asked = subprocess.run(
        ["dpkg-query", "--search", *places], capture_output=True, text=True, check=False
    )
    owners: dict[str, set[str]] = {}
    for line in asked.stdout.splitlines():
        packages, _, place = line.rpartition(": ")
        if place in places:  # what is searched for may stand anywhere in a path
            named = {package.partition(":")[0] for package in packages.split(", ")}
            owners.setdefault(places[place], set()).update(named)
    return owners


def all_that_comes_with(lists: Iterable[Path]) -> set[str]:
    """Names of the installed packages that these lists bring, and of what every Debian has."""
    asked = subprocess.run(
        [
            "dpkg-query",
            "--show",
            f"--showformat={FIELDS}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    needs: dict[str, set[str]] = {}
    provide: dict[str, set[str]] = {}
    brought = {name for path in lists for name in names_in(path.read_text().replace("\n", ","))}
    for line in asked.stdout.splitlines():
        package, priority, essential, provides, depends = line.split("\t")
        needs[package] = names_in(depends)
        for name in names_in(provides) | {package}:
            provide.setdefault(name, set()).add(package)
        if priority == "required" or essential == "yes":
            brought.add(package)
    brought.add("git")  # it brought this clone
    brought.add("make")  # it runs this
    open_ends = set(brought)
    while open_ends:
        reached = {package for name in open_ends for package in provide.get(name, ())}
        open_ends = {name for package in reached for name in needs[package]} - brought
        brought |= reached | open_ends
    return brought


def names_in(relations: str) -> set[str]:
    """Of packages in a field of Debian's: alternatives too, versions and architectures left out."""
    return {
        name
        for relation in re.split(r"[,|]", relations)
        if (name := re.sub(r"\(.*?\)|:\w+|\[.*?\]", "", relation).strip())
    }
