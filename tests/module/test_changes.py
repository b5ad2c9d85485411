"""What an administrator changes while a tool is running."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealwright.client.client import Client
from sealwright.cryptoki import CKA, CKM, CKO, CKR
from sealwright.pkcs11 import Module, Object, Pkcs11Error, Session
from tests.conftest import Environment
from tests.module.providers import initialised, private_key
from tests.server import ControlPlane


@dataclass(frozen=True)
class Tool:
    """Something that has listed its objects and keeps its handles."""

    plane: ControlPlane
    module: Module
    session: Session
    key: Object
    signer: str
    machine: str

    @property
    def admin(self) -> Client:
        return self.plane.client()

    def sign(self) -> bytes:
        return self.session.sign(CKM.ECDSA_SHA256, self.key, b"data")

    def refusal(self) -> int:
        with pytest.raises(Pkcs11Error) as refused:
            self.sign()
        return refused.value.rv

    def last(self) -> tuple[str | None, str | None]:
        newest = self.plane.signings(self.signer)[0]
        return newest.outcome, newest.reason


@pytest.fixture
def tool(
    environment: Environment,
    control_plane: ControlPlane,
    module_file: Path,
) -> Iterator[Tool]:
    """With a signer and a machine of its own."""
    serial = control_plane.client().operations_head().value.sequence
    signer, machine = f"changing-{serial}", f"machine-{serial}"
    api_key = control_plane.create_machine(machine)
    control_plane.create_signer(signer, "p256", **{machine: "operator"})
    environment.set(url=control_plane.url, api_key=api_key)
    with initialised(module_file) as module:
        session = module.slot(signer).open()
        yield Tool(control_plane, module, session, private_key(session), signer, machine)


def test_a_signer_disabled_after_the_list_refuses(
    tool: Tool, capfd: pytest.CaptureFixture[str]
) -> None:
    tool.sign()
    tool.admin.disable_signer(tool.signer)
    assert tool.refusal() == CKR.FUNCTION_REJECTED
    (line,) = capfd.readouterr().err.splitlines()
    assert tool.signer in line
    assert "disabled" in line
    assert tool.last() == ("denied", "signer_disabled")
    tool.admin.enable_signer(tool.signer)
    tool.sign()


def test_after_a_renewal_an_old_handle_refuses_and_a_new_tool_signs(
    tool: Tool, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tool.key[CKA.ID]
    number = tool.session.module.slot(tool.signer).number
    tool.admin.renew_signer(tool.signer)
    assert tool.refusal() == CKR.FUNCTION_REJECTED
    assert "start the tool again" in capfd.readouterr().err
    tool.module.finalize()
    tool.module.initialize()
    slot = tool.module.slot(tool.signer)
    assert slot.number == number
    with slot.open() as session:
        renewed = private_key(session)
        assert renewed[CKA.ID] != before
        session.sign(CKM.ECDSA_SHA256, renewed, b"data")


def test_after_a_refused_renewal_the_next_search_finds_the_new_key(tool: Tool) -> None:
    """A host that runs for weeks searches for each signature, and goes on by itself."""
    old = tool.key
    before = old[CKA.ID]
    tool.admin.renew_signer(tool.signer)
    assert private_key(tool.session).handle == old.handle  # the list is fresh yet
    assert tool.refusal() == CKR.FUNCTION_REJECTED
    renewed = private_key(tool.session)
    assert renewed[CKA.ID] != before
    tool.session.sign(CKM.ECDSA_SHA256, renewed, b"data")
    with pytest.raises(Pkcs11Error) as refused:
        tool.session.sign(CKM.ECDSA_SHA256, old, b"data")
    assert refused.value.rv == CKR.FUNCTION_REJECTED


def test_a_refused_signer_is_gone_from_the_next_list(tool: Tool) -> None:
    tool.admin.remove_member(tool.signer, tool.machine)
    assert tool.refusal() == CKR.DEVICE_REMOVED
    assert [slot.token().label for slot in tool.module.slots()] == []


def test_a_deleted_signer_is_a_removed_device(
    tool: Tool, capfd: pytest.CaptureFixture[str]
) -> None:
    tool.admin.disable_signer(tool.signer)
    tool.admin.delete_signer(tool.signer, 0)
    assert tool.refusal() == CKR.DEVICE_REMOVED
    assert tool.signer in capfd.readouterr().err


def test_a_signer_that_is_being_deleted_is_a_disabled_one(
    tool: Tool, capfd: pytest.CaptureFixture[str]
) -> None:
    tool.admin.disable_signer(tool.signer)
    tool.admin.delete_signer(tool.signer)
    assert tool.refusal() == CKR.FUNCTION_REJECTED
    assert "is being deleted" in capfd.readouterr().err
    assert tool.last() == ("denied", "signer_disabled")


def test_a_signer_that_is_being_deleted_does_not_disturb_the_others(tool: Tool) -> None:
    going = f"going-{tool.signer}"[:32]
    tool.plane.create_signer(going, "p256", **{tool.machine: "operator"})
    tool.admin.disable_signer(going)
    tool.admin.delete_signer(going)
    tool.module.finalize()
    tool.module.initialize()
    assert [slot.token().label for slot in tool.module.slots()] == [tool.signer]
    with tool.module.slot(tool.signer).open() as session:
        assert session.sign(CKM.ECDSA_SHA256, private_key(session), b"data")


def test_a_member_that_was_removed_is_told_nothing_and_recorded(tool: Tool) -> None:
    tool.admin.remove_member(tool.signer, tool.machine)
    assert tool.refusal() == CKR.DEVICE_REMOVED
    assert tool.last() == ("denied", "not_a_member")


def test_a_member_that_may_only_read_now_is_rejected(
    tool: Tool, capfd: pytest.CaptureFixture[str]
) -> None:
    tool.admin.add_member(tool.signer, tool.machine, "auditor")
    assert tool.refusal() == CKR.FUNCTION_REJECTED
    assert "auditor" in capfd.readouterr().err
    assert tool.last() == ("denied", "role_cannot_sign")


def test_a_revoked_key_is_no_login(tool: Tool, capfd: pytest.CaptureFixture[str]) -> None:
    tool.sign()
    (key,) = tool.admin.identity(tool.machine).value.keys or []
    tool.admin.revoke_key(tool.machine, key.id)
    assert tool.refusal() == CKR.USER_NOT_LOGGED_IN
    assert "revoked" in capfd.readouterr().err
    assert tool.last() == ("denied", "api_key_revoked")


def test_a_disabled_identity_is_no_login(tool: Tool, capfd: pytest.CaptureFixture[str]) -> None:
    tool.admin.disable_identity(tool.machine)
    assert tool.refusal() == CKR.USER_NOT_LOGGED_IN
    assert "disabled" in capfd.readouterr().err
    assert tool.last() == ("denied", "identity_disabled")
    tool.admin.enable_identity(tool.machine)
    tool.sign()


def test_a_refusal_can_be_kept_from_stderr(
    tool: Tool, environment: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.set(log_level="off")
    tool.module.finalize()
    tool.module.initialize()
    with tool.module.slot(tool.signer).open() as session:
        key = session.find_one({CKA.CLASS: CKO.PRIVATE_KEY})
        tool.admin.disable_signer(tool.signer)
        with pytest.raises(Pkcs11Error, match="CKR_FUNCTION_REJECTED"):
            session.sign(CKM.ECDSA_SHA256, key, b"data")
    assert capfd.readouterr().err == ""


def test_a_key_that_is_rotated_in_its_file_reaches_a_tool_that_runs(
    environment: Environment, control_plane: ControlPlane, module_file: Path, tmp_path: Path
) -> None:
    old = control_plane.create_machine("rotating")
    control_plane.create_signer("rotating", "p256", rotating="operator")
    key_file = tmp_path / "builder.key"
    key_file.touch(0o600)
    key_file.write_text(f"{old}\n")
    environment.set(url=control_plane.url, api_key_file=str(key_file))
    with initialised(module_file) as module, module.slot("rotating").open() as session:
        key = private_key(session)
        session.sign(CKM.ECDSA_SHA256, key, b"data")
        admin = control_plane.client()
        (old_key,) = admin.identity("rotating").value.keys or []
        key_file.write_text(f"{admin.add_key('rotating').value.api_key}\n")
        admin.revoke_key("rotating", old_key.id)
        assert len(session.sign(CKM.ECDSA_SHA256, key, b"data")) == 64
