"""What a guarded command prints, and what becomes of it, against the control plane."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwright.client.objects import PolicyStep, PolicyTerms
from tests.cli.conftest import Caller, Run, run
from tests.server import ControlPlane


@dataclass(frozen=True)
class Story:
    """`release` has the protected policy `two`: one of ann and bob, then carol. `root` is a second
    admin."""

    plane: ControlPlane
    folder: Path

    def run(self, who: str, *arguments: str | Path) -> Run:
        return Caller(self.plane.url, self.folder / f"{who}.key").run(*arguments)

    def proposal(self) -> str:
        (newest, *_) = self.plane.client().proposals(limit=1).value.items
        return newest.id


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("proposals")
    plane = ControlPlane.install(folder)
    plane.start()
    try:
        admin = plane.client()
        (folder / "admin.key").write_text(plane.admin_key)
        (folder / "admin.key").chmod(0o600)
        story = Story(plane, folder)
        for name in ("ann", "bob", "carol", "root"):
            role = ["--role", "admin"] if name == "root" else []
            create = ["identity", "create", name, "--kind", "user", "--enrol", *role]
            code = story.run("admin", *create)
            (folder / f"{name}.code").write_text(code.out.splitlines()[-1])
            (folder / f"{name}.code").chmod(0o600)
            out = ["--key-out", str(folder / f"{name}.key")]
            made = story.run("admin", "enrol", "--code-file", folder / f"{name}.code", *out)
            assert made.code == 0, made.err
        steps = [PolicyStep("lead", 1, ["ann", "bob"]), PolicyStep("security", 1, ["carol"])]
        admin.create_policy("two", PolicyTerms(max_signings=5, steps=steps, protected=True))
        admin.create_signer("release", "p256", "ACME Release")
        admin.set_policy("release", "two")
        yield story
    finally:
        plane.stop()


def test_a_guarded_command_says_who_decides_and_exits_with_4(story: Story) -> None:
    ended = story.run("admin", "signer", "set-policy", "release", "none")
    assert ended.code == 4
    lines = ended.out.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines if line.startswith(("action", "object")))
    assert facts == {"action": "signer:set_policy", "object": "release"}
    assert "policy    two → none" in lines
    assert "Step 1 of 2, 'lead', open now" in lines
    assert "  0 of 1 approvals, of ann, bob" in lines
    assert ended.err == (
        "Nothing is changed yet: others have to agree first.\n"
        f"They decide with: sealwright proposal approve {story.proposal()}\n"
    )
    shown = story.run("ann", "signer", "show", "release", "--json").json()
    assert shown["policy"] == "two"
    story.run("admin", "proposal", "cancel", story.proposal())


def test_for_machines_it_is_the_apis_own_answer(story: Story) -> None:
    ended = story.run("admin", "signer", "set-policy", "release", "none", "--json")
    assert (ended.code, ended.err) == (4, "")
    assert ended.json()["proposal"]["id"] == story.proposal()
    story.run("admin", "proposal", "cancel", story.proposal())


def test_the_last_approval_carries_it_out(story: Story) -> None:
    story.run("admin", "policy", "edit", "two", "--max-signings", "9")
    asked = story.proposal()
    first = story.run("bob", "proposal", "approve", asked, "--comment", "fine")
    assert first.out.splitlines() == [
        "Approved step 1 of 2, 'lead': policy:edit two, proposed by admin.",
        f"  proposal {asked}",
        "Still missing:",
        "- The proposal waits for step 2 of 2, 'security': 1 approval of carol.",
    ]
    last = story.run("carol", "proposal", "approve", asked)
    assert last.out.splitlines()[-1] == "The proposal is approved, and carried out."
    shown = story.run("admin", "policy", "show", "two", "--json").json()
    assert shown["max_signings"] == 9
    assert shown["changes"][0]["by"] == "admin"
    listed = story.run("ann", "proposal", "list", "--state", "approved")
    assert f"{asked}  " in listed.out
    assert "approved" in story.run("ann", "proposal", "show", asked).out


def test_one_no_ends_it(story: Story) -> None:
    story.run("admin", "policy", "edit", "two", "--no-protected")
    asked = story.proposal()
    rejected = story.run("ann", "proposal", "reject", asked, "--why", "no")
    assert rejected.out.splitlines()[-1] == "The proposal is rejected."
    late = story.run("carol", "proposal", "approve", asked)
    assert late.code == 1
    assert "proposal_finished" in late.err


def test_a_proposed_key_goes_to_its_file_and_nowhere_else(story: Story) -> None:
    out = story.folder / "second.key"
    add = ["identity", "key", "add", "ann", "--key-out", str(out)]
    ended = story.run("admin", *add, "--json")
    secret = out.read_text().strip()
    assert ended.code == 4
    assert secret.startswith("swk_")
    assert secret not in ended.out + ended.err
    story.run("admin", "proposal", "cancel", story.proposal())


def test_a_proposed_code_is_told_with_what_it_waits_for(story: Story) -> None:
    ended = story.run("admin", "identity", "key", "add", "ann", "--enrol")
    assert ended.code == 4
    assert ended.out.count("swe_") == 1
    assert "It works for 24 h from when the proposal is carried out." in ended.err
    story.run("admin", "proposal", "cancel", story.proposal())


def test_a_policy_with_steps_says_what_protected_would_add(story: Story) -> None:
    made = story.run(
        "admin", "policy", "create", "lax", "--max-signings", "1", "--step", "lead:1:ann"
    )
    assert len(made.err.splitlines()) == 1
    assert "--protected" in made.err


def test_root_takes_a_policy_away_and_everybody_sees_it(story: Story) -> None:
    plane = story.plane
    plane.client().create_signer("lost", "p256", "ACME Lost")
    plane.client().set_policy("lost", "two")
    data_dir = plane.folder / "data"
    ended = run("recovery", "detach-policy", "lost", "--data-dir", data_dir)
    assert ended.code == 0, ended.err
    assert ended.out == "lost has lost its policy two: its members sign at once.\n"
    shown = story.run("root", "signer", "show", "lost").out
    (told,) = [line for line in shown.splitlines() if line.startswith("!")]
    assert told.endswith("two detached from lost")
    (row,) = plane.client().operations(limit=1).value.items
    assert (row.action, row.actor, row.signer) == ("signer:set_policy", None, "lost")
    again = run("recovery", "detach-policy", "lost", "--data-dir", data_dir)
    assert again.code == 1
    assert "no policy" in again.err
