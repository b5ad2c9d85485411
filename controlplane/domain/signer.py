"""What whoever creates a signer says that it is: a field of this is kept, stands in the row of its
creation, and is one of every `Signer`."""

from dataclasses import dataclass, fields

from controlplane.algorithms.kinds import KeyAlgorithm
from controlplane.domain.common_name import find_mixed_word
from controlplane.domain.names import check_common_name, check_signer_name
from controlplane.errors import invalid


@dataclass(frozen=True, slots=True)
class SignerDescription:
    name: str
    key: KeyAlgorithm
    common_name: str
    external: bool = False

    def check(self) -> None:
        """Refused 400 naming the field."""
        check_signer_name(self.name)
        check_common_name(self.common_name)
        mixed = None if self.external else find_mixed_word(self.common_name)
        if mixed is not None:
            raise invalid("common_name", f"{mixed!r} mixes letters of several scripts.")

    def details(self) -> dict[str, str | int | bool | None]:
        """For the audit log; its name is the row's object."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "name"}
