"""How many calls an identity may make that are refused, or change something: over all processes."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.api.refusals import status_of
from controlplane.errors import Refused
from controlplane.service.rates import A_SECOND, BURST, Rates, shared_places

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def count_until_refused(rates: Rates, identity: str, now: datetime = NOW) -> int:
    counted = 0
    with pytest.raises(Refused) as refused:  # noqa: PT012  # one of these calls
        while counted < 2 * BURST:
            rates.count(identity, now)
            counted += 1
    assert (status_of(refused.value.code), refused.value.code) == (429, "too_many_calls")
    assert refused.value.retry_after == 1
    return counted


def test_the_bound_is_one_for_all_processes() -> None:
    places = shared_places().callers
    child = os.fork()
    if child == 0:
        try:
            for _ in range(BURST // 2):
                Rates(places).count("somebody", NOW)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert count_until_refused(Rates(places), "somebody") == BURST - BURST // 2


def test_identities_do_not_share_a_bound() -> None:
    rates = Rates()
    assert count_until_refused(rates, "a") == count_until_refused(rates, "b") == BURST


def test_what_was_counted_is_paid_off_in_time() -> None:
    rates = Rates()
    count_until_refused(rates, "somebody")
    with pytest.raises(Refused):
        rates.check("somebody", NOW)
    later = NOW + timedelta(seconds=10)
    rates.check("somebody", later)
    assert count_until_refused(rates, "somebody", later) == 10 * A_SECOND


def test_a_refusal_counts_nothing_and_a_clock_that_was_set_back_locks_nobody_out() -> None:
    rates = Rates()
    count_until_refused(rates, "somebody")
    for _ in range(BURST):
        with pytest.raises(Refused):
            rates.check("somebody", NOW)
    rates.check("somebody", NOW + timedelta(seconds=1))
    rates.check("somebody", NOW - timedelta(days=1))
