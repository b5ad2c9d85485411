"""What Prometheus sees of the store, and of how this node stands to it: gauges that are made when
it asks. Those of the store are the same whichever process or node says them."""

import time
from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from controlplane.errors import Refused
from controlplane.service.figures import Found
from controlplane.service.installation import Services

LOOK_SECONDS = 10.0
"""Between two looks at what takes more than a moment, because anybody may ask."""


class Watched:
    """Of one process."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._found: Found | None = None
        self._look_again = 0.0

    def metrics(self) -> Iterator[Metric]:
        """Of the store nothing while it cannot be read."""
        yield from self._of_this_node()
        found = self._look()
        if found is not None:
            yield from _of_room_and_log(found)
            yield from _of_what_waits(found)
            yield from _of_what_is_late(found)

    def _look(self) -> Found | None:
        now = time.monotonic()
        if now >= self._look_again:
            try:
                self._found = self._services.figures.read()
            except Refused:
                self._found = None
            self._look_again = now + LOOK_SECONDS
        return self._found

    def _of_this_node(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "sealwright_ready",
            "1 where the node is ready: the store takes a write, and is of its version.",
            value=self._is_ready(),
        )
        yield GaugeMetricFamily(
            "sealwright_clock_timestamp_seconds",
            "The node's clock.",
            value=time.time(),
        )
        yield GaugeMetricFamily(
            "sealwright_clock_behind_seconds",
            "Seconds that the server's clock stands behind the last row of the log.",
            value=self._services.clock_behind().total_seconds(),
        )

    def _is_ready(self) -> bool:
        try:
            self._services.check_ready()
        except Refused:
            return False
        return True


def _of_room_and_log(found: Found) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "sealwright_store_octets",
        "Octets that the store takes: SQLite's file and its log, or PostgreSQL's database.",
        value=found.room.taken,
    )
    if found.room.left is not None:
        yield GaugeMetricFamily(
            "sealwright_store_free_octets",
            "Octets that are left on the disk of a SQLite store.",
            value=found.room.left,
        )
    yield GaugeMetricFamily(
        "sealwright_log_rows",
        "Rows of the audit log.",
        value=found.head.sequence,
    )
    if found.head.at is not None:
        yield _moment(
            "sealwright_log_last_row_timestamp_seconds",
            "When the last row of the audit log was written.",
            found.head.at,
        )
    if found.checkpoint is not None:
        rows, at = found.checkpoint
        yield GaugeMetricFamily(
            "sealwright_checkpoint_rows",
            "Rows up to the published checkpoint of the log.",
            value=rows,
        )
        yield _moment(
            "sealwright_checkpoint_timestamp_seconds",
            "When the last checkpoint of the log was published.",
            at,
        )


def _of_what_waits(found: Found) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "sealwright_requests_pending",
        "Requests that wait for a decision.",
        value=found.requests.number,
    )
    yield GaugeMetricFamily(
        "sealwright_requests_pending_oldest_seconds",
        "Seconds that the oldest request has waited for; 0 where none waits.",
        value=_age(found.requests.oldest, found),
    )
    yield GaugeMetricFamily(
        "sealwright_proposals_pending",
        "Proposals that wait for a decision.",
        value=found.proposals.number,
    )
    yield GaugeMetricFamily(
        "sealwright_proposals_pending_oldest_seconds",
        "Seconds that the oldest proposal has waited for; 0 where none waits.",
        value=_age(found.proposals.oldest, found),
    )


def _of_what_is_late(found: Found) -> Iterator[Metric]:
    if found.authority_ends is not None:
        yield GaugeMetricFamily(
            "sealwright_authority_expiry_seconds",
            "Seconds until the first certificate of the built-in CA ends.",
            value=(found.authority_ends - found.at).total_seconds(),
        )
    yield GaugeMetricFamily(
        "sealwright_witnesses_failing",
        "Witnesses of the log that did not sign the last checkpoint which they were sent.",
        value=found.failing_witnesses,
    )
    failures = GaugeMetricFamily(
        "sealwright_job_failures",
        "Last runs of each job of the background that failed, in a row.",
        labels=["name"],
    )
    overdue = GaugeMetricFamily(
        "sealwright_job_overdue_seconds",
        "Seconds since each job of the background was due, as far as is on record.",
        labels=["name"],
    )
    for job in found.jobs:
        failures.add_metric([job.name], job.failures)
        overdue.add_metric([job.name], _age(job.next_at, found))
    yield failures
    yield overdue


def _moment(name: str, documentation: str, at: datetime) -> Metric:
    return GaugeMetricFamily(name, documentation, value=at.timestamp())


def _age(since: datetime | None, found: Found) -> float:
    return 0.0 if since is None else max(0.0, (found.at - since).total_seconds())
