"""What whoever creates a signer says that it is: a field of this is kept, stands in the row of its
creation, and is one of every `Signer`."""

from dataclasses import dataclass, fields

from controlplane.algorithms.kinds import KeyAlgorithm
from controlplane.domain.common_name import find_mixed_word
from controlplane.domain.names import check_signer_name
from controlplane.domain.subject import Subject
from controlplane.errors import invalid


@dataclass(frozen=True, slots=True)
class SignerDescription:
    name: str
    key: KeyAlgorithm
    common_name: str
    external: bool = False
    organization: str | None = None
    unit: str | None = None
    locality: str | None = None
    country: str | None = None

    @property
    def subject(self) -> Subject:
        """Of its certificates."""
        return Subject(**{each.name: getattr(self, each.name) for each in fields(Subject)})

    def check(self) -> None:
        """Refused 400 naming the field."""
        check_signer_name(self.name)
        self.subject.check()
        mixed = None if self.external else find_mixed_word(self.common_name)
        if mixed is not None:
            raise invalid("common_name", f"{mixed!r} mixes letters of several scripts.")

    def details(self) -> dict[str, str | int | bool | None]:
        """For the audit log; its name is the row's object."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "name"}
