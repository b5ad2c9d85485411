"""Which process of a server lets others take the next caller."""

import os

from controlplane.fair_share import FairShare


def test_whoever_has_more_than_another_is_told_so() -> None:
    shares = FairShare(4)
    shares.tell(1, 0)
    assert not shares.others_have_fewer(1)
    shares.tell(2, 3)
    assert shares.others_have_fewer(2)
    assert not shares.others_have_fewer(1)


def test_a_process_that_is_gone_counts_no_more() -> None:
    shares = FairShare(4)
    shares.tell(1, 0)
    shares.tell(2, 3)
    shares.leave(1)
    assert not shares.others_have_fewer(2)
    shares.tell(1, 2)  # who comes after it has its place
    assert shares.others_have_fewer(2)


def test_what_one_process_tells_the_others_know() -> None:
    shares = FairShare(2)
    shares.tell(0, 5)
    child = os.fork()
    if child == 0:
        try:
            shares.tell(1, 1)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert shares.others_have_fewer(0)
