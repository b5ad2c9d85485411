"""Changes that can be proposed: each can be carried out later, by a server that started since."""

from controlplane.service import proposals
from controlplane.service.gate import Change


def test_each_is_known_to_who_carries_it_out() -> None:
    names = [each.__name__ for each in proposals.KINDS.values()]
    assert sorted(names) == sorted({each.__name__ for each in Change.__subclasses__()})
