"""Callers take turns: who calls a lot waits for themselves, not others for them."""

from controlplane.lanes import MOST_WAITING, MOST_WAITING_IN_A_LANE, Lanes

ANN, BOB, CAROL = b"ann", b"bob", b"carol"


def test_one_lane_leaves_a_thread_to_the_others() -> None:
    lanes = Lanes[str](threads=4)
    assert [lanes.enter(ANN) for _ in range(5)] == [True, True, True, False, False]
    assert lanes.enter(BOB)


def test_with_a_single_thread_everybody_may_have_it() -> None:
    lanes = Lanes[str](threads=1)
    assert lanes.enter(ANN)
    assert not lanes.enter(ANN)


def test_who_waits_enters_when_another_of_the_lane_leaves() -> None:
    lanes = Lanes[str](threads=2)
    assert lanes.enter(ANN)
    lanes.wait(ANN, "second")
    assert lanes.next_in_turn() is None
    lanes.leave(ANN)
    assert lanes.next_in_turn() == "second"
    assert not lanes.enter(ANN)


def test_lanes_take_turns_and_each_keeps_its_order() -> None:
    lanes = Lanes[str](threads=2)
    for lane in (ANN, BOB, CAROL):
        assert lanes.enter(lane)
    for number in range(3):
        lanes.wait(ANN, f"ann {number}")
    lanes.wait(BOB, "bob 0")
    lanes.wait(CAROL, "carol 0")
    served = []
    for _ in range(5):
        for lane in (ANN, BOB, CAROL):
            lanes.leave(lane)
        while (following := lanes.next_in_turn()) is not None:
            served.append(following)
        for lane in (ANN, BOB, CAROL):  # whoever did not wait comes again
            lanes.enter(lane)
    assert served == ["ann 0", "bob 0", "carol 0", "ann 1", "ann 2"]


def test_what_may_wait_is_bounded_for_a_lane_and_for_all() -> None:
    lanes = Lanes[int](threads=2)
    for number in range(MOST_WAITING_IN_A_LANE):
        assert lanes.has_room(ANN)
        lanes.wait(ANN, number)
    assert not lanes.has_room(ANN)
    for number in range(MOST_WAITING - MOST_WAITING_IN_A_LANE):
        assert lanes.has_room(BOB)
        lanes.wait(BOB, number)
    assert not lanes.has_room(CAROL)


def test_who_has_gone_leaves_nothing_behind() -> None:
    lanes = Lanes[str](threads=2)
    for number in range(1000):
        lane = str(number).encode()
        assert lanes.enter(lane)
        lanes.leave(lane)
    assert not lanes._running
