"""PKCS#11 v2.40 §5.5 slots and tokens, §5.6 sessions: what any module does."""

import pytest

from sealwright import _native
from sealwright.cryptoki import CKF_DONT_BLOCK, CKR, CKS, SessionFlag, SlotFlag
from sealwright.pkcs11 import Pkcs11Error
from tests.conftest import KEYS
from tests.module.providers import Provider

UNKNOWN = 0x7FFFFFF0


def test_each_key_has_a_token(provider: Provider) -> None:
    labels = {slot.token().label for slot in provider.module.slots()}
    assert labels >= set(KEYS)


def test_a_list_of_slots_asked_for_without_room_tells_its_length(provider: Provider) -> None:
    count = _native.Numbers()
    assert provider.module.native.get_slot_list(True, count) == CKR.OK
    assert count.length == len(provider.module.slots())


def test_too_little_room_for_the_slots_is_refused_and_left_alone(provider: Provider) -> None:
    room = _native.Numbers(2)
    assert provider.module.native.get_slot_list(True, room) == CKR.BUFFER_TOO_SMALL
    assert room.untouched
    assert room.length == len(provider.module.slots())


def test_too_much_room_for_the_slots_is_fine(provider: Provider) -> None:
    numbers = [slot.number for slot in provider.module.slots()]
    room = _native.Numbers(len(numbers) + 5)
    assert provider.module.native.get_slot_list(True, room) == CKR.OK
    assert room.value == numbers
    assert not room.overrun


def test_null_for_the_count_is_refused(provider: Provider) -> None:
    count = _native.Numbers(null_length=True)
    assert provider.module.native.get_slot_list(True, count) == CKR.ARGUMENTS_BAD


def test_a_slot_with_a_token_says_so(provider: Provider) -> None:
    assert provider.slot("p256").info().flags == SlotFlag.TOKEN_PRESENT


@pytest.mark.parametrize(
    "function", ["C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo"]
)
def test_null_for_what_is_asked_is_refused(provider: Provider, function: str) -> None:
    number = provider.slot("p256").number
    assert provider.module.native.call_with_nulls(function, number) == CKR.ARGUMENTS_BAD


def test_an_unknown_slot_is_refused(provider: Provider) -> None:
    native = provider.module.native
    assert native.get_slot_info(UNKNOWN)[0] == CKR.SLOT_ID_INVALID
    assert native.get_token_info(UNKNOWN)[0] == CKR.SLOT_ID_INVALID
    assert native.get_mechanism_list(UNKNOWN, _native.Numbers()) == CKR.SLOT_ID_INVALID
    assert native.get_mechanism_info(UNKNOWN, 1)[0] == CKR.SLOT_ID_INVALID
    assert native.open_session(UNKNOWN, SessionFlag.SERIAL_SESSION)[0] == CKR.SLOT_ID_INVALID
    assert native.close_all_sessions(UNKNOWN) == CKR.SLOT_ID_INVALID


def test_an_unknown_mechanism_is_refused(provider: Provider) -> None:
    number = provider.slot("p256").number
    assert provider.module.native.get_mechanism_info(number, 0x7FFF)[0] == CKR.MECHANISM_INVALID


def test_there_are_no_slot_events(sealwright: Provider) -> None:
    assert sealwright.module.native.wait_for_slot_event(CKF_DONT_BLOCK)[0] == CKR.NO_EVENT


@pytest.mark.parametrize(
    ("read_write", "flags"),
    [
        (False, SessionFlag.SERIAL_SESSION),
        (True, SessionFlag.SERIAL_SESSION | SessionFlag.RW_SESSION),
    ],
)
def test_a_session_knows_what_it_is(
    provider: Provider, read_write: bool, flags: SessionFlag
) -> None:
    slot = provider.slot("p256")
    with slot.open(read_write=read_write) as session:
        rv, info = provider.module.native.get_session_info(session.handle)
        assert rv == CKR.OK
        assert (info.slot, info.flags) == (slot.number, flags)
        public = CKS.RW_PUBLIC_SESSION if read_write else CKS.RO_PUBLIC_SESSION
        assert info.state == public


def test_a_session_is_serial(provider: Provider) -> None:
    number = provider.slot("p256").number
    answer = provider.module.native.open_session(number, 0)[0]
    assert answer == CKR.SESSION_PARALLEL_NOT_SUPPORTED


def test_a_callback_for_notifications_is_accepted(provider: Provider) -> None:
    number = provider.slot("p256").number
    flags = SessionFlag.SERIAL_SESSION
    rv, session = provider.module.native.open_session(number, flags, notify=True)
    assert rv == CKR.OK
    assert provider.module.native.close_session(session) == CKR.OK


def test_a_closed_session_is_gone(provider: Provider) -> None:
    session = provider.slot("p256").open()
    session.close()
    with pytest.raises(Pkcs11Error, match="C_CloseSession: CKR_SESSION_HANDLE_INVALID"):
        session.close()
    native = provider.module.native
    assert native.get_session_info(session.handle)[0] == CKR.SESSION_HANDLE_INVALID
    assert native.find_objects_init(session.handle) == CKR.SESSION_HANDLE_INVALID
    assert native.logout(session.handle) == CKR.SESSION_HANDLE_INVALID


def test_closing_all_sessions_of_a_slot_leaves_those_of_another(provider: Provider) -> None:
    gone = [provider.slot("p256").open() for _ in range(3)]
    with provider.slot("p384").open() as kept:
        native = provider.module.native
        assert native.close_all_sessions(provider.slot("p256").number) == CKR.OK
        assert {native.get_session_info(session.handle)[0] for session in gone} == {
            CKR.SESSION_HANDLE_INVALID
        }
        assert native.get_session_info(kept.handle)[0] == CKR.OK


def test_many_sessions_are_open_at_once(provider: Provider) -> None:
    sessions = [provider.slot("p256").open() for _ in range(200)]
    assert len({session.handle for session in sessions}) == 200
    for session in sessions:
        session.close()


def test_handles_of_sessions_are_never_used_again(sealwright: Provider) -> None:
    handles: list[int] = []
    for _ in range(50):
        with sealwright.slot("p256").open() as session:
            handles.append(session.handle)
    assert len(set(handles)) == 50


def test_sessions_do_not_outlive_finalise(provider: Provider) -> None:
    session = provider.slot("p256").open()
    provider.module.finalize()
    provider.module.initialize()
    provider.module.slots()
    answer = provider.module.native.get_session_info(session.handle)[0]
    assert answer == CKR.SESSION_HANDLE_INVALID
