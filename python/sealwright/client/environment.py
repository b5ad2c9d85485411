"""SEALWRIGHT_… variables, read by the rules that the module has too."""

from collections.abc import Mapping

from sealwright.client.errors import MisconfiguredError

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def variable(environment: Mapping[str, str], name: str) -> str:
    """SEALWRIGHT_<name> without what editors and shells leave around it; empty if unset."""
    return trimmed(environment.get(f"SEALWRIGHT_{name}", ""))


def trimmed(text: str) -> str:
    """Without what editors and shells leave around it: blanks, line ends, a byte order mark."""
    return text.removeprefix("\ufeff").strip(" \t\r\n\f\v")


def variable_is_true(environment: Mapping[str, str], name: str) -> bool:
    """SEALWRIGHT_<name> as a yes or no; unset and empty are no.

    Raises:
        MisconfiguredError: it is neither.
    """
    text = variable(environment, name).lower()
    if text in _TRUE:
        return True
    if text in _FALSE or not text:
        return False
    raise MisconfiguredError(f"SEALWRIGHT_{name} is true or false, not {text!r}")
