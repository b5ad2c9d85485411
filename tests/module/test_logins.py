"""Credentials: a configured key, a login that is asked for, a login with no key configured."""

from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKA, CKM, CKO, CKR, CKS, CKU, TokenFlag
from sealwright.pkcs11 import Module, Object, Pkcs11Error, Session, TokenInfo
from tests.conftest import Environment
from tests.gateway import gateway_to
from tests.module.providers import Provider, initialised, private_key, public_key
from tests.server import ControlPlane

WELL_FORMED = "swk_" + "A" * 43


def is_login_required(token: TokenInfo) -> bool:
    return TokenFlag.LOGIN_REQUIRED in token.flags


def login(session: Session, pin: bytes | None, user: CKU = CKU.USER) -> int:
    return session.module.native.login(session.handle, user, pin)


def sign(session: Session, key: Object | None = None) -> bytes:
    return session.sign(CKM.ECDSA_SHA256, key or private_key(session), b"data")


def state(session: Session) -> int:
    rv, info = session.module.native.get_session_info(session.handle)
    assert rv == CKR.OK
    return info.state


def last_actor(plane: ControlPlane, signer: str = "p256") -> str | None:
    return plane.signings(signer)[0].actor


def test_with_a_configured_key_no_login_is_asked_for(
    sealwright: Provider, control_plane: ControlPlane
) -> None:
    slot = sealwright.slot("p256")
    assert not is_login_required(slot.token())
    with slot.open() as session:
        assert not private_key(session).flag(CKA.PRIVATE)
        sign(session)
    assert last_actor(control_plane) == "builder"


@pytest.mark.parametrize("pin", [None, b""])
def test_a_login_with_an_empty_pin_succeeds(sealwright: Provider, pin: bytes | None) -> None:
    with sealwright.slot("p256").open() as session:
        assert login(session, pin) == CKR.OK
        assert state(session) == CKS.RO_USER_FUNCTIONS
        assert login(session, pin) == CKR.USER_ALREADY_LOGGED_IN
        sign(session)
        session.logout()
        assert state(session) == CKS.RO_PUBLIC_SESSION
        assert session.module.native.logout(session.handle) == CKR.USER_NOT_LOGGED_IN
        sign(session)


def test_a_login_with_another_key_switches_this_token_to_it(
    sealwright: Provider, control_plane: ControlPlane
) -> None:
    other = control_plane.create_machine("other-machine")
    control_plane.client().add_member("p256", "other-machine", "operator")
    with sealwright.slot("p256").open() as session, sealwright.slot("p384").open() as unchanged:
        key = private_key(session)
        session.login(other)
        sign(session, key)
        assert last_actor(control_plane) == "other-machine"
        assert state(unchanged) == CKS.RO_PUBLIC_SESSION
        sign(unchanged)
        assert last_actor(control_plane, "p384") == "builder"
        session.logout()
        sign(session, key)
        assert last_actor(control_plane) == "builder"


def test_a_login_holds_for_every_session_and_outlives_them(
    sealwright: Provider, control_plane: ControlPlane
) -> None:
    other = control_plane.create_machine("longer-lived")
    control_plane.client().add_member("p256", "longer-lived", "operator")
    slot = sealwright.slot("p256")
    with slot.open() as session, slot.open(read_write=True) as second:
        session.login(other)
        key = private_key(session)
        assert state(second) == CKS.RW_USER_FUNCTIONS
    with slot.open() as later:
        assert state(later) == CKS.RO_USER_FUNCTIONS
        sign(later, Object(later, key.handle))
    assert last_actor(control_plane) == "longer-lived"


@pytest.mark.parametrize(
    "pin",
    [
        pytest.param(b"1234", id="digits"),
        pytest.param(b"swk_tooshort", id="too-short"),
        pytest.param(WELL_FORMED.encode() + b"A", id="too-long"),
        pytest.param(b"swk_" + b"-" * 43, id="other-characters"),
        pytest.param(b"\xff\xfe\0", id="no-text"),
    ],
)
def test_a_pin_that_is_no_key_is_wrong_and_asks_nobody(
    environment: Environment,
    control_plane: ControlPlane,
    builder_key: str,
    module_file: Path,
    pin: bytes,
) -> None:
    with gateway_to(control_plane) as gateway:
        environment.set(url=gateway.url, api_key=builder_key)
        with initialised(module_file) as module, module.slot("p256").open() as session:
            asked = len(gateway.requests)
            assert login(session, pin) == CKR.PIN_INCORRECT
            assert len(gateway.requests) == asked


def test_a_wrong_pin_shows_on_its_token_until_a_right_one(sealwright: Provider) -> None:
    slot, other = sealwright.slot("p256"), sealwright.slot("p384")
    with slot.open() as session:
        assert TokenFlag.USER_PIN_COUNT_LOW not in slot.token().flags
        assert login(session, b"1234") == CKR.PIN_INCORRECT
        assert TokenFlag.USER_PIN_COUNT_LOW in slot.token().flags
        assert TokenFlag.USER_PIN_COUNT_LOW not in other.token().flags
        assert login(session, b"") == CKR.OK
        assert TokenFlag.USER_PIN_COUNT_LOW not in slot.token().flags


def test_a_key_that_nobody_has_is_a_wrong_pin(
    sealwright: Provider, capfd: pytest.CaptureFixture[str]
) -> None:
    with sealwright.slot("p256").open() as session:
        assert login(session, WELL_FORMED.encode()) == CKR.PIN_INCORRECT
        assert state(session) == CKS.RO_PUBLIC_SESSION
        sign(session)
    assert WELL_FORMED not in capfd.readouterr().err


def test_a_key_that_does_not_see_the_signer_is_a_wrong_pin(
    sealwright: Provider, control_plane: ControlPlane
) -> None:
    other = control_plane.create_machine("elsewhere-bound")
    with sealwright.slot("p256").open() as session:
        assert login(session, other.encode()) == CKR.PIN_INCORRECT


def test_a_pin_of_any_length_that_is_no_key_is_wrong(sealwright: Provider) -> None:
    """CKR_PIN_LEN_RANGE is for functions that set one."""
    with sealwright.slot("p256").open() as session:
        for length in (1, 255, 256, 100_000):
            assert login(session, b"x" * length) == CKR.PIN_INCORRECT
        native = session.module.native
        assert native.login(session.handle, CKU.USER, None, length=5) == CKR.ARGUMENTS_BAD


def test_only_users_log_in(sealwright: Provider) -> None:
    with sealwright.slot("p256").open(read_write=True) as session:
        assert login(session, b"", CKU.SO) == CKR.USER_TYPE_INVALID
        assert login(session, b"", CKU.CONTEXT_SPECIFIC) == CKR.OPERATION_NOT_INITIALIZED


class TestLoginRequired:
    """`login_required = true` beside a configured key."""

    @pytest.fixture
    def module(self, module: Module, environment: Environment) -> Module:
        environment.set(login_required="true")
        module.initialize()
        return module

    def test_the_token_says_so_and_hides_the_private_key(
        self, module: Module, builder_key: str
    ) -> None:
        slot = module.slot("p256")
        assert is_login_required(slot.token())
        with slot.open() as session:
            seen = [found.number(CKA.CLASS) for found in session.find()]
            assert seen == [CKO.PUBLIC_KEY, *[CKO.CERTIFICATE] * 3]
            session.login(builder_key)
            key = private_key(session)
            assert key.flag(CKA.PRIVATE)
            sign(session)

    def test_an_empty_pin_is_wrong(self, module: Module) -> None:
        with module.slot("p256").open() as session:
            assert login(session, b"") == CKR.PIN_INCORRECT

    def test_after_logout_a_handle_of_the_private_key_is_of_no_use(
        self, module: Module, builder_key: str
    ) -> None:
        with module.slot("p256").open() as session:
            session.login(builder_key)
            key = private_key(session)
            session.logout()
            mechanism = _native.Mechanism(CKM.ECDSA_SHA256)
            answer = module.native.sign_init(session.handle, mechanism, key.handle)
            assert answer == CKR.USER_NOT_LOGGED_IN
            with pytest.raises(Pkcs11Error) as refused:
                key[CKA.LABEL]
            assert refused.value.rv == CKR.OBJECT_HANDLE_INVALID

    def test_another_login_gives_the_private_key_another_handle(
        self, module: Module, builder_key: str
    ) -> None:
        with module.slot("p256").open() as session:
            session.login(builder_key)
            private, public = private_key(session), public_key(session)
            session.logout()
            session.login(builder_key)
            mechanism = _native.Mechanism(CKM.ECDSA_SHA256)
            answer = module.native.sign_init(session.handle, mechanism, private.handle)
            assert answer == CKR.KEY_HANDLE_INVALID
            with pytest.raises(Pkcs11Error) as refused:
                private[CKA.LABEL]
            assert refused.value.rv == CKR.OBJECT_HANDLE_INVALID
            assert public_key(session).handle == public.handle
            again = private_key(session)
            assert again.handle != private.handle
            assert private_key(session).handle == again.handle
            sign(session, again)

    @pytest.mark.parametrize("logged_in_again", [False, True])
    def test_logout_ends_a_signature_that_was_begun(
        self, module: Module, builder_key: str, logged_in_again: bool
    ) -> None:
        with module.slot("p256").open() as session:
            session.login(builder_key)
            mechanism, key = _native.Mechanism(CKM.ECDSA_SHA256), private_key(session)
            assert module.native.sign_init(session.handle, mechanism, key.handle) == CKR.OK
            session.logout()
            if logged_in_again:
                session.login(builder_key)
            room = _native.Buffer(64)
            answer = module.native.sign(session.handle, b"data", room)
            assert answer == CKR.USER_NOT_LOGGED_IN
            assert room.untouched


class TestNoKeyConfigured:
    """The slots are those that the configuration names; the key comes as the PIN."""

    @pytest.fixture
    def named(
        self, module: Module, environment: Environment, control_plane: ControlPlane
    ) -> dict[str, int]:
        client = control_plane.client()
        numbers = {name: client.signer(name).value.number for name in ("p256", "rsa-2048")}
        lines = [f"{name} = {number}" for name, number in numbers.items()]
        environment.set(api_key="")
        environment.write_configuration("\n".join(["[signers]", *lines]) + "\n")
        return numbers

    def test_slots_are_shown_and_nothing_in_them_without_a_request(
        self,
        module: Module,
        environment: Environment,
        control_plane: ControlPlane,
        named: dict[str, int],
    ) -> None:
        with gateway_to(control_plane) as gateway:
            environment.set(url=gateway.url)
            module.initialize()
            tokens = {slot.token().label: slot.number for slot in module.slots()}
            assert tokens == named
            slot = module.slot("p256")
            assert is_login_required(slot.token())
            with slot.open() as session:
                assert session.find() == []
                assert CKM.ECDSA_SHA256 in slot.mechanisms()
            assert gateway.requests == []

    def test_after_login_everything_is_there(
        self, module: Module, named: dict[str, int], builder_key: str
    ) -> None:
        module.initialize()
        slot = module.slot("p256")
        before = slot.token()
        with slot.open() as session, module.slot("rsa-2048").open() as other:
            session.login(builder_key)
            assert len(session.find()) == 5
            sign(session)
            assert slot.token() == before
            assert other.find() == []

    def test_a_number_that_is_another_signers_is_refused(
        self,
        module: Module,
        environment: Environment,
        builder_key: str,
        named: dict[str, int],
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        environment.write_configuration(f"[signers]\np256 = {named['rsa-2048']}\n")
        module.initialize()
        with module.slot("p256").open() as session:
            assert login(session, builder_key.encode()) == CKR.PIN_INCORRECT
        assert "p256" in capfd.readouterr().err

    def test_without_names_there_are_no_slots_and_one_line_says_what_to_set(
        self, module: Module, environment: Environment, capfd: pytest.CaptureFixture[str]
    ) -> None:
        environment.set(api_key="")
        module.initialize()
        for _ in range(3):
            assert module.slots() == []
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("sealwright: ")
        assert "SEALWRIGHT_API_KEY" in line
        assert "[signers]" in line
