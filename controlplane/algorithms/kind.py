"""What a kind of key is."""

from abc import ABC, abstractmethod

from controlplane.algorithms.hashes import HashAlgorithm
from controlplane.algorithms.scheme import PrivateKey, SchemeRules, ToSign
from controlplane.errors import Refused


class KeyKind(ABC):
    """One kind of key pair.

    `schemes`: those that it signs with. `certificate_hash`: that certificates and requests are
    signed with, by such a key; None: it takes none. `is_slow`: a signature takes so long that
    others must not wait for it. `warning`: a sentence for those who have such a key. `most_octets`:
    of a digest, or of what is given in its place; 0: such a key takes the message.
    """

    schemes: tuple[SchemeRules, ...]
    certificate_hash: HashAlgorithm | None = None
    is_slow = False
    most_octets = 0
    warning: str | None = None

    @property
    def message_hash(self) -> HashAlgorithm | None:
        """Of a kind that signs messages, whatever the scheme: as the scheme's."""
        (only,) = {each.message_hash for each in self.schemes}
        return only

    @abstractmethod
    def generate(self) -> PrivateKey: ...

    @abstractmethod
    def owns(self, key: object) -> bool:
        """Whether it is a private key of this kind."""

    def find_mismatch(self, given: ToSign) -> Refused | None:
        """What is wrong with it for a key of this kind, though the scheme has no objection: 400
        naming the field."""
        return None
