"""PKCS#11 v2.40 §5.4: C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sealwright import _native
from sealwright.cryptoki import CKR, InitializeFlag
from sealwright.pkcs11 import Module
from tests.module.providers import Provider

THREADS_AND_MUTEXES = _native.InitializeArguments(InitializeFlag.OS_LOCKING_OK, mutex_functions=4)


def test_every_function_is_there(provider_file: Path) -> None:
    assert Module(provider_file).native.missing_functions() == []


def test_the_function_list_is_always_the_same(provider_file: Path) -> None:
    assert Module(provider_file).native.get_function_list() == (CKR.OK, True)


def test_it_speaks_version_2_40(provider: Provider) -> None:
    assert provider.module.info().cryptoki_version == (2, 40)


def test_text_fields_are_padded_with_blanks(provider: Provider) -> None:
    rv, info = provider.module.native.get_info()
    assert rv == CKR.OK
    for field in (info.manufacturer_id, info.library_description):
        assert b"\0" not in field
        assert field == field.decode().rstrip(" ").encode().ljust(32)


def test_initialising_twice_is_refused(provider: Provider) -> None:
    assert provider.module.native.initialize() == CKR.CRYPTOKI_ALREADY_INITIALIZED


def test_finalising_twice_is_refused(provider: Provider) -> None:
    provider.module.finalize()
    assert provider.module.native.finalize() == CKR.CRYPTOKI_NOT_INITIALIZED


def test_it_can_be_initialised_again(provider: Provider) -> None:
    before = [slot.token() for slot in provider.module.slots()]
    provider.module.finalize()
    provider.module.initialize()
    assert [slot.token() for slot in provider.module.slots()] == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(None, id="none"),
        pytest.param(_native.InitializeArguments(0), id="no-flags"),
        pytest.param(_native.InitializeArguments(InitializeFlag.OS_LOCKING_OK), id="os-locking"),
        pytest.param(THREADS_AND_MUTEXES, id="os-locking-and-mutexes"),
        pytest.param(
            _native.InitializeArguments(
                InitializeFlag.OS_LOCKING_OK | InitializeFlag.LIBRARY_CANT_CREATE_OS_THREADS
            ),
            id="no-threads-of-your-own",
        ),
    ],
)
def test_each_way_in_which_a_host_initialises_is_accepted(
    provider_file: Path, arguments: _native.InitializeArguments | None
) -> None:
    native = Module(provider_file).native
    assert native.initialize(arguments) == CKR.OK
    assert native.finalize() == CKR.OK


@pytest.mark.parametrize("functions", [1, 2, 3])
def test_mutex_functions_come_all_or_none(provider_file: Path, functions: int) -> None:
    arguments = _native.InitializeArguments(InitializeFlag.OS_LOCKING_OK, mutex_functions=functions)
    assert Module(provider_file).native.initialize(arguments) == CKR.ARGUMENTS_BAD


def test_what_is_reserved_must_be_null(provider_file: Path) -> None:
    native = Module(provider_file).native
    assert native.initialize(_native.InitializeArguments(reserved=1)) == CKR.ARGUMENTS_BAD
    assert native.initialize() == CKR.OK
    assert native.finalize(reserved=1) == CKR.ARGUMENTS_BAD
    assert native.finalize() == CKR.OK


ANYTIME = {"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"}


@pytest.mark.parametrize("function", [n for n in _native.function_names() if n not in ANYTIME])
def test_nothing_works_before_it_is_initialised(module: Module, function: str) -> None:
    assert module.native.call_with_nulls(function) == CKR.CRYPTOKI_NOT_INITIALIZED


def test_of_several_threads_that_initialise_one_succeeds(module: Module) -> None:
    with ThreadPoolExecutor(16) as threads:
        for _ in range(20):
            answers = list(threads.map(lambda _: module.native.initialize(), range(16)))
            assert sorted(answers) == [CKR.OK] + [CKR.CRYPTOKI_ALREADY_INITIALIZED] * 15
            module.finalize()


def test_information_is_constant(module: Module) -> None:
    module.initialize()
    first = module.info()
    assert first.manufacturer == "Sealwright"
    module.finalize()
    module.initialize()
    assert module.info() == first


UNSUPPORTED = [
    "C_InitToken",
    "C_InitPIN",
    "C_SetPIN",
    "C_GetOperationState",
    "C_SetOperationState",
    "C_CopyObject",
    "C_SetAttributeValue",
    "C_EncryptInit",
    "C_Encrypt",
    "C_EncryptUpdate",
    "C_EncryptFinal",
    "C_DecryptInit",
    "C_Decrypt",
    "C_DecryptUpdate",
    "C_DecryptFinal",
    "C_DigestKey",
    "C_SignRecoverInit",
    "C_SignRecover",
    "C_VerifyRecoverInit",
    "C_VerifyRecover",
    "C_DigestEncryptUpdate",
    "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate",
    "C_DecryptVerifyUpdate",
    "C_GenerateKey",
    "C_GenerateKeyPair",
    "C_WrapKey",
    "C_UnwrapKey",
    "C_DeriveKey",
    "C_MessageEncryptInit",
    "C_EncryptMessage",
    "C_EncryptMessageBegin",
    "C_EncryptMessageNext",
    "C_MessageEncryptFinal",
    "C_MessageDecryptInit",
    "C_DecryptMessage",
    "C_DecryptMessageBegin",
    "C_DecryptMessageNext",
    "C_MessageDecryptFinal",
    "C_MessageSignInit",
    "C_SignMessage",
    "C_SignMessageBegin",
    "C_SignMessageNext",
    "C_MessageSignFinal",
    "C_MessageVerifyInit",
    "C_VerifyMessage",
    "C_VerifyMessageBegin",
    "C_VerifyMessageNext",
    "C_MessageVerifyFinal",
]


def test_what_makes_no_sense_for_a_signing_service_is_not_supported(sealwright: Provider) -> None:
    answers = {
        name: sealwright.module.native.call_with_nulls(name, first)
        for name in UNSUPPORTED
        for first in (0, sealwright.open("p256").handle)
    }
    assert answers == dict.fromkeys(UNSUPPORTED, int(CKR.FUNCTION_NOT_SUPPORTED))


def test_nothing_runs_in_parallel(sealwright: Provider) -> None:
    session = sealwright.open("p256").handle
    for name in ("C_GetFunctionStatus", "C_CancelFunction"):
        answer = sealwright.module.native.call_with_nulls(name, session)
        assert answer == CKR.FUNCTION_NOT_PARALLEL


NULLS_MEAN_NOTHING = {"C_FindObjectsInit", "C_SeedRandom", "C_GenerateRandom", "C_SessionCancel"}
"""No template, no seed, no octets wanted, no operation meant."""


@pytest.mark.parametrize("function", [n for n in _native.function_names() if n != "C_Initialize"])
def test_nulls_for_everything_else_are_refused_and_harm_nobody(
    sealwright: Provider, function: str
) -> None:
    session = sealwright.open("p256")
    answer = sealwright.module.native.call_with_nulls(function, session.handle)
    if function in {"C_Finalize", "C_CloseSession"}:
        assert answer == CKR.OK
        return
    assert (answer == CKR.OK) == (function in NULLS_MEAN_NOTHING)
    assert sealwright.module.native.get_session_info(session.handle)[0] == CKR.OK
