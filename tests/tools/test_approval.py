"""The story of an approval at the tool: refused, asked for, approved in two steps, signed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealwright.client.objects import PolicyStep, PolicyTerms, Request
from tests.server import COMMAND, ControlPlane, key_of, running, surroundings
from tests.tools.tool import PASSWORD, Workbench

SIGNINGS = 2
WAIT_SECONDS = 60


class Story:
    """A control plane whose signer `release` wants two steps, and everybody's API key."""

    def __init__(self, plane: ControlPlane, bench: Workbench) -> None:
        self.plane = plane
        admin = plane.client()
        people = ("ann", "bob", "carol", "dave", "erin")
        self.keys = {name: key_of(admin.create_identity(name, "user").value) for name in people}
        self.keys["ci"] = plane.create_machine("ci")
        steps = [
            PolicyStep("lead", 1, ["ann", "bob"]),
            PolicyStep("security", 2, ["carol", "dave", "erin"]),
        ]
        admin.create_policy(
            "two-steps",
            PolicyTerms(max_window_seconds=3600, max_signings=SIGNINGS, steps=steps),
        )
        self.slot = plane.create_signer("release", "p256", ci="operator").number
        admin.set_policy("release", "two-steps")
        self.bench = bench.with_variables(url=plane.url, api_key=self.keys["ci"])

    def run(self, who: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """`sealwright ARGUMENTS --json` as this person."""
        environment = {"SEALWRIGHT_URL": self.plane.url, "SEALWRIGHT_API_KEY": self.keys[who]}
        return subprocess.run(
            [*COMMAND, *arguments, "--json"],
            env=surroundings(self.plane.folder) | environment,
            capture_output=True,
            check=False,
        )

    def command(self, who: str, *arguments: str) -> Any:
        """What it prints; it must succeed."""
        done = self.run(who, *arguments)
        assert done.returncode == 0, done.stderr
        return msgspec.json.decode(done.stdout)

    def jarsigner(self, jar: Path) -> list[str | Path]:
        return ["jarsigner", *self.bench.java_store(self.slot), jar, "release"]

    def refused(self, jar: Path, **settings: str) -> str:
        """The one line of ours that a refused jarsigner shows."""
        ended = self.bench.with_variables(**settings).run(*self.jarsigner(jar))
        assert ended.code != 0
        assert "CKR_FUNCTION_REJECTED" in ended.out + ended.err
        (said,) = [line for line in ended.err.splitlines() if line.startswith("sealwright: ")]
        return said

    def check_verified(self, jar: Path) -> None:
        root = self.plane.client().certificate("release").value.chain[-1]
        trust = ["-keystore", str(self.bench.trust_store(root)), "-storepass", PASSWORD]
        said = self.bench.must(
            "jarsigner", "-J-Duser.language=en", "-verify", "-strict", *trust, jar
        )
        assert "jar verified." in said.splitlines()

    def pending(self) -> list[Request]:
        return self.plane.client().requests(100, state="pending").value.items


@pytest.fixture
def story(tmp_path: Path, module_file: Path) -> Iterator[Story]:
    with running(tmp_path / "plane", "--workers", "2") as plane:
        yield Story(plane, Workbench(tmp_path, module_file, surroundings(tmp_path)))


def test_refused_approved_in_two_steps_signed_and_used_up(story: Story) -> None:
    jar = story.bench.jar("app")
    said = story.refused(jar, approval_request="true")
    (request,) = story.pending()
    assert request.id in said
    assert "step 1 of 2, 'lead'" in said

    assert story.command("bob", "request", "approve", request.id)["step"] == 2
    said = story.refused(jar)
    assert request.id in said
    assert "step 2 of 2, 'security': 2 approvals of carol, dave, erin" in said

    story.command("carol", "request", "approve", request.id, "--comment", "scanned")
    done = story.command("erin", "request", "approve", request.id)
    assert done["state"] == "approved"
    for name in range(SIGNINGS):
        signed = story.bench.jar(f"app-{name}")
        story.bench.must(*story.jarsigner(signed))
    story.check_verified(signed)
    assert "used up: 2 of 2 signings" in story.refused(jar)

    rows = list(reversed(story.plane.client().operations(100, signer="release").value.items))
    told = [(row.actor, row.action or row.outcome, row.reason) for row in rows]
    denied = ("ci", "denied", "no_active_grant")
    assert told[-10:] == [
        denied,
        ("ci", "request:create", None),
        ("bob", "request:approve", None),
        denied,
        ("carol", "request:approve", None),
        ("erin", "request:approve", None),
        ("erin", "grant:issue", None),
        ("ci", "succeeded", None),
        ("ci", "succeeded", None),
        denied,
    ]
    assert {row.grant_id for row in rows if row.outcome == "succeeded"} == {done["grant_id"]}


def test_a_jarsigner_that_waits_simply_finishes(story: Story) -> None:
    jar = story.bench.jar("app")
    bench = story.bench.with_variables(
        approval_request="true",
        approval_wait=f"{WAIT_SECONDS}s",
        approval_justification="release 1.2",
    )
    with subprocess.Popen(
        [str(argument) for argument in story.jarsigner(jar)],
        cwd=bench.folder,
        env=dict(bench.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as jarsigner:
        assert jarsigner.stderr is not None
        said = jarsigner.stderr.readline().decode()  # comes once it has begun to wait
        (request,) = story.pending()
        assert request.id in said
        assert request.justification == "release 1.2"
        for approver in ("ann", "carol", "dave"):
            story.command(approver, "request", "approve", request.id)
        out, _ = jarsigner.communicate(timeout=WAIT_SECONDS)
    assert jarsigner.returncode == 0, out
    story.check_verified(jar)


def test_a_rejection_reaches_the_tool_with_its_reason(story: Story) -> None:
    jar = story.bench.jar("app")
    bench = story.bench.with_variables(approval_request="true", approval_wait=f"{WAIT_SECONDS}s")
    with subprocess.Popen(
        [str(argument) for argument in story.jarsigner(jar)],
        cwd=bench.folder,
        env=dict(bench.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as jarsigner:
        assert jarsigner.stderr is not None
        jarsigner.stderr.readline()
        (request,) = story.pending()
        story.command("bob", "request", "reject", request.id, "--why", "not on a Friday")
        out, err = jarsigner.communicate(timeout=WAIT_SECONDS)
    assert jarsigner.returncode != 0
    assert b"CKR_FUNCTION_REJECTED" in out + err
    assert b"bob rejected the request: not on a Friday" in err


def test_a_requester_who_is_an_approver_too_and_an_admin_who_is_no_member_get_nowhere(
    story: Story,
) -> None:
    admin = story.plane.client()
    admin.add_member("release", "ann", "operator")
    request = story.command("ann", "request", "create", "release", "--why", "for myself")
    refused = story.run("ann", "request", "approve", request["id"])
    assert refused.returncode == 1
    assert b'"code":"own_request"' in refused.stderr
    bench = story.bench.with_variables(api_key=story.plane.admin_key)
    ended = bench.run(*story.jarsigner(bench.jar("app")))
    assert ended.code != 0
    assert "admin is no member of the signer 'release'" in ended.err
