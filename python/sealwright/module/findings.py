"""What is right and wrong with the module's set-up, as far as this machine alone can tell."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum

from . import ModuleMissingError, module_path
from .diagnosis import Diagnosis, LibraryError, Settings, SettingsError
from .view import ViewError, tokens


class State(Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined; `next_step` says what to do about it."""

    check: str
    state: State
    text: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class SetUp:
    """What the module was told, and says."""

    module: Diagnosis
    settings: Settings


def examine() -> Iterator[Finding]:
    """The set-up, and at last what tools see. What cannot be examined for an earlier fault is left
    out."""
    found = yield from examine_set_up()
    if found is not None:
        yield examine_tokens(found.module)


def examine_set_up() -> Generator[Finding, None, SetUp | None]:
    """The library, the configuration as it reads it, the key. Returns None where there is no
    control plane to be asked."""
    try:
        module = Diagnosis(module_path())
    except (ModuleMissingError, LibraryError) as fault:
        yield Finding("library", State.FAIL, str(fault), "Install sealwright again.")
        return None
    yield Finding("library", State.OK, str(module.path))
    try:
        settings = module.settings()
    except SettingsError as fault:
        yield Finding("configuration", State.FAIL, str(fault), "Correct it; see docs/module.md.")
        return None
    yield _configuration(settings)
    yield from _folders(settings)
    yield from _log_file(settings)
    yield _key(settings)
    if settings.urls:
        return SetUp(module, settings)
    yield Finding(
        "url",
        State.FAIL,
        "no control plane is configured",
        "Set SEALWRIGHT_URL, or url in ~/.config/sealwright/pkcs11.toml.",
    )
    return None


def examine_tokens(module: Diagnosis) -> Finding:
    """The module, called as a tool would call it; its own words are repeated."""
    try:
        labels = tokens(module.library)
    except ViewError as fault:
        next_step = "Tools fail in the same way; do what it says."
        return Finding("module", State.FAIL, str(fault), next_step)
    except OSError as fault:
        next_step = "Set TMPDIR to a folder that can be written."
        return Finding("module", State.WARN, f"not asked: {fault.strerror}", next_step)
    return Finding("module", State.OK, f"tools see {', '.join(labels) or 'no tokens'}")


def _configuration(settings: Settings) -> Finding:
    variables = ", ".join(settings.variables)
    if settings.file:
        over_it = f"; over it {variables}" if variables else ""
        return Finding("configuration", State.OK, f"{settings.file} is read{over_it}")
    withheld = f" ({settings.withheld} is not for this user)" if settings.withheld else ""
    return Finding("configuration", State.OK, f"no file{withheld}; {variables or 'no variables'}")


def _folders(settings: Settings) -> Iterator[Finding]:
    """A file is no safer than the folders above it."""
    for file, folders in settings.open_folders.items():
        for folder in folders:
            yield Finding(
                "configuration",
                State.WARN,
                f"others can write to {folder}, and so put anything in the place of {file}",
                f"Run chmod go-w {folder}, or chown it to root.",
            )


def _log_file(settings: Settings) -> Iterator[Finding]:
    if not settings.log_file:
        return
    if settings.log_file_fault:
        text = f"{settings.log_file}: {settings.log_file_fault}: lines go to stderr instead"
        next_step = "Name a file in a folder of this user's, without symbolic links of others."
        yield Finding("log file", State.WARN, text, next_step)
    else:
        yield Finding("log file", State.OK, f"lines go to {settings.log_file}")


def _key(settings: Settings) -> Finding:
    if settings.key_source:
        return Finding("api key", State.OK, f"from {settings.key_source}")
    if settings.signers:
        names = ", ".join(f"{name} ({number})" for name, number in settings.signers.items())
        return Finding("api key", State.OK, f"none: tools ask for one as the PIN of {names}")
    return Finding(
        "api key",
        State.FAIL,
        "none, and no [signers] that could ask for one: tools will see no slots",
        "Set SEALWRIGHT_API_KEY_FILE, or api_key_file in pkcs11.toml.",
    )
