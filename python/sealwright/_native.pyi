"""Any PKCS#11 module, called as C calls it.

Every method of Module returns the CK_RV, alone or first in a tuple, and raises for nothing that the
module answers. `None` for octets is a null pointer; `length` and `count` override what the module
is told. The GIL is released in every call.
"""

class LoadError(RuntimeError):
    """The library cannot be opened, is no PKCS#11 module, was unloaded, or lacks the function."""

def function_names() -> list[str]:
    """The functions of PKCS#11 up to 3.0, in the order of CK_FUNCTION_LIST_3_0."""

class SettingsError(ValueError):
    """What is wrong with the settings, in the module's words."""

def proxy_to(url: str) -> tuple[str, str] | None:
    """http://HOST:PORT and what is sent of credentials, by the settings in force; None: straight
    there.

    Raises:
        SettingsError: they cannot be loaded, or that of another program's variable is not
            understood.
    """

def settings_table() -> list[tuple[str, str, str, str]]:
    """Key, variable, default and meaning of each setting."""

class Buffer:
    """Octets to be written; without a capacity a null pointer.

    `length` is what the module is told (the capacity unless given) and, after the call, what it
    answered; `null_length` gives it a null pointer for the length itself.
    """

    def __init__(
        self, capacity: int | None = None, *, length: int | None = None, null_length: bool = False
    ) -> None: ...
    @property
    def length(self) -> int: ...
    @property
    def value(self) -> bytes:
        """What the module wrote; ValueError if it claims more than there was room for."""
    @property
    def overrun(self) -> bool:
        """Whether the module wrote past the capacity."""
    @property
    def untouched(self) -> bool:
        """Whether the module wrote nothing."""

class Numbers:
    """CK_ULONGs to be written, as Buffer."""

    def __init__(
        self, capacity: int | None = None, *, length: int | None = None, null_length: bool = False
    ) -> None: ...
    @property
    def length(self) -> int: ...
    @property
    def value(self) -> list[int]: ...
    @property
    def overrun(self) -> bool: ...
    @property
    def untouched(self) -> bool: ...

class Mechanism:
    """CK_MECHANISM; without a parameter its pointer is null."""

    def __init__(
        self, mechanism: int, parameter: bytes | None = None, *, length: int | None = None
    ) -> None: ...

class Template:
    """An array of CK_ATTRIBUTE."""

    def __init__(self) -> None: ...
    def add(self, attribute: int, value: bytes | None, *, length: int | None = None) -> None:
        """A value to match or to set."""
    def add_room(
        self, attribute: int, capacity: int | None = None, *, length: int | None = None
    ) -> None:
        """Room to be filled; without a capacity a null pointer, to ask for the length."""
    def __len__(self) -> int: ...
    def length(self, index: int) -> int:
        """ulValueLen as the module left it."""
    def value(self, index: int) -> bytes:
        """What the module wrote; ValueError if nothing."""
    @property
    def overrun(self) -> bool:
        """Whether the module wrote past a capacity."""

class InitializeArguments:
    """CK_C_INITIALIZE_ARGS; the first `mutex_functions` (0 to 4) of the four are given."""

    def __init__(self, flags: int = 0, *, mutex_functions: int = 0, reserved: int = 0) -> None: ...

class Info:
    """CK_INFO; text fields blank-padded as they stand, versions (major, minor)."""

    @property
    def cryptoki_version(self) -> tuple[int, int]: ...
    @property
    def manufacturer_id(self) -> bytes: ...
    @property
    def flags(self) -> int: ...
    @property
    def library_description(self) -> bytes: ...
    @property
    def library_version(self) -> tuple[int, int]: ...

class SlotInfo:
    """CK_SLOT_INFO"""

    @property
    def description(self) -> bytes: ...
    @property
    def manufacturer_id(self) -> bytes: ...
    @property
    def flags(self) -> int: ...
    @property
    def hardware_version(self) -> tuple[int, int]: ...
    @property
    def firmware_version(self) -> tuple[int, int]: ...

class TokenInfo:
    """CK_TOKEN_INFO"""

    @property
    def label(self) -> bytes: ...
    @property
    def manufacturer_id(self) -> bytes: ...
    @property
    def model(self) -> bytes: ...
    @property
    def serial_number(self) -> bytes: ...
    @property
    def flags(self) -> int: ...
    @property
    def max_sessions(self) -> int: ...
    @property
    def sessions(self) -> int: ...
    @property
    def max_rw_sessions(self) -> int: ...
    @property
    def rw_sessions(self) -> int: ...
    @property
    def max_pin_length(self) -> int: ...
    @property
    def min_pin_length(self) -> int: ...
    @property
    def total_public_memory(self) -> int: ...
    @property
    def free_public_memory(self) -> int: ...
    @property
    def total_private_memory(self) -> int: ...
    @property
    def free_private_memory(self) -> int: ...

class MechanismInfo:
    """CK_MECHANISM_INFO; key sizes in bits"""

    @property
    def min_key_size(self) -> int: ...
    @property
    def max_key_size(self) -> int: ...
    @property
    def flags(self) -> int: ...

class SessionInfo:
    """CK_SESSION_INFO"""

    @property
    def slot(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def device_error(self) -> int: ...

class Module:
    """A PKCS#11 module loaded by path, with RTLD_NOW | RTLD_LOCAL. Raises LoadError."""

    def __init__(self, path: str) -> None: ...
    def unload(self) -> None:
        """dlclose, without C_Finalize; no other thread may be inside a call."""
    def missing_functions(self) -> list[str]:
        """Functions whose pointer is null, in the module's list of 2.40 and, where it has one,
        of 3.0."""
    def call(
        self,
        name: str,
        *arguments: int
        | bytes
        | bytearray
        | Buffer
        | Numbers
        | Mechanism
        | Template
        | InitializeArguments
        | None,
    ) -> int:
        """Calls by name: None is a null pointer, a bytearray memory to write to. Raises ValueError
        for another number of arguments, and for a number where a pointer goes; LoadError for a
        function of 3.0 where the module has none."""
    def call_with_nulls(self, name: str, first: int = 0) -> int:
        """Calls by name: `first` where a number comes first, else null or 0 everywhere."""
    def initialize(self, arguments: InitializeArguments | None = None) -> int: ...
    def finalize(self, reserved: int = 0) -> int: ...
    def get_function_list(self) -> tuple[int, bool]:
        """Whether it is the same list as at load."""
    def get_info(self) -> tuple[int, Info]: ...
    def get_slot_list(self, token_present: bool, slots: Numbers) -> int: ...
    def get_slot_info(self, slot: int) -> tuple[int, SlotInfo]: ...
    def get_token_info(self, slot: int) -> tuple[int, TokenInfo]: ...
    def get_mechanism_list(self, slot: int, mechanisms: Numbers) -> int: ...
    def get_mechanism_info(self, slot: int, mechanism: int) -> tuple[int, MechanismInfo]: ...
    def wait_for_slot_event(self, flags: int) -> tuple[int, int]: ...
    def open_session(self, slot: int, flags: int, *, notify: bool = False) -> tuple[int, int]: ...
    def close_session(self, session: int) -> int: ...
    def close_all_sessions(self, slot: int) -> int: ...
    def get_session_info(self, session: int) -> tuple[int, SessionInfo]: ...
    def login(
        self, session: int, user: int, pin: bytes | None, *, length: int | None = None
    ) -> int: ...
    def logout(self, session: int) -> int: ...
    def find_objects_init(
        self, session: int, match: Template | None = None, *, count: int | None = None
    ) -> int: ...
    def find_objects(self, session: int, objects: Numbers) -> int: ...
    def find_objects_final(self, session: int) -> int: ...
    def get_attribute_value(
        self, session: int, handle: int, room: Template | None, *, count: int | None = None
    ) -> int: ...
    def get_object_size(self, session: int, handle: int) -> tuple[int, int]: ...
    def create_object(self, session: int, values: Template | None) -> tuple[int, int]: ...
    def destroy_object(self, session: int, handle: int) -> int: ...
    def generate_key_pair(
        self,
        session: int,
        mechanism: Mechanism | None,
        public_values: Template | None,
        private_values: Template | None,
    ) -> tuple[int, int, int]:
        """CK_RV, public key, private key."""
    def sign_init(self, session: int, mechanism: Mechanism | None, key: int) -> int: ...
    def sign(
        self, session: int, data: bytes | None, signature: Buffer, *, length: int | None = None
    ) -> int: ...
    def sign_update(
        self, session: int, part: bytes | None, *, length: int | None = None
    ) -> int: ...
    def sign_final(self, session: int, signature: Buffer) -> int: ...
    def verify_init(self, session: int, mechanism: Mechanism | None, key: int) -> int: ...
    def verify(self, session: int, data: bytes | None, signature: bytes | None) -> int: ...
    def verify_update(
        self, session: int, part: bytes | None, *, length: int | None = None
    ) -> int: ...
    def verify_final(self, session: int, signature: bytes | None) -> int: ...
    def digest_init(self, session: int, mechanism: Mechanism | None) -> int: ...
    def digest(
        self, session: int, data: bytes | None, digest: Buffer, *, length: int | None = None
    ) -> int: ...
    def digest_update(
        self, session: int, part: bytes | None, *, length: int | None = None
    ) -> int: ...
    def digest_final(self, session: int, digest: Buffer) -> int: ...
    def seed_random(
        self, session: int, seed: bytes | None, *, length: int | None = None
    ) -> int: ...
    def generate_random(self, session: int, random: Buffer) -> int: ...
