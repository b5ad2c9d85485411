"""Prometheus metrics, summed over the server's processes."""

import time
from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

from falcon.asgi import Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from controlplane.api.credentials import read_api_key
from controlplane.api.refusals import EVERYWHERE, status_of
from controlplane.api.watched import LOOK_SECONDS, Watched
from controlplane.domain import permissions
from controlplane.domain.model import (
    ApiKey,
    Caller,
    Identity,
    IdentityKind,
    Outcome,
    Scheme,
    ServerRole,
)
from controlplane.domain.page import PageRequest
from controlplane.domain.ranges import PAGE
from controlplane.errors import Code, Refused
from controlplane.service.installation import Services
from controlplane.service.signers import Signers

_ALTERED = "sealwright_state_altered"
_MOST_ALTERED = 100  # objects that a process tells apart
_SOON = timedelta(days=30)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds


class Metrics:
    """One process's counters. With `directory` (where prometheus_client was told to keep them
    before it was imported) `render` sums those of every process that writes there."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._registry = CollectorRegistry()
        self._signatures = Counter(
            "sealwright_signatures",
            "Calls to sign by scheme, outcome and reason.",
            ("scheme", "outcome", "reason"),
            registry=self._registry,
        )
        self._unknown_keys = Counter(
            "sealwright_unknown_api_keys",
            "Requests with an API key that nobody has.",
            registry=self._registry,
        )
        self._anchor_failures = Counter(
            "sealwright_anchor_failures",
            "Times that the end of the audit log could not be noted outside of the store.",
            registry=self._registry,
        )
        self._job_runs = Counter(
            "sealwright_job_runs",
            "Runs of each job of the background, by whether they failed.",
            ("name", "outcome"),
            registry=self._registry,
        )
        self._job_seconds = Counter(
            "sealwright_job_seconds",
            "Seconds that the runs of each job took.",
            ("name",),
            registry=self._registry,
        )
        self._job_late = Gauge(
            "sealwright_job_late_seconds",
            "Seconds after it was due that the last run of each job began.",
            ("name",),
            registry=self._registry,
            multiprocess_mode="mostrecent",
        )
        self._job_succeeded = Gauge(
            "sealwright_job_last_success_timestamp_seconds",
            "When a run of each job of the background ended last without a failure.",
            ("name",),
            registry=self._registry,
            multiprocess_mode="max",
        )
        self._altered = Counter(
            "sealwright_state_altered",
            "Calls that rested on an object which was changed in the store, and not by the server.",
            ("object",),
            registry=self._registry,
        )
        self._altered_objects: set[str] = set()
        self._durations = Histogram(
            "sealwright_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # Looking up a metric by its labels takes longer than counting.
        self._known: dict[tuple[str, str, int], Histogram] = {}
        self._signed = {
            scheme: self._signatures.labels(scheme.value, Outcome.SUCCEEDED.value, "")
            for scheme in Scheme
        }

    def count_signed(self, scheme: Scheme) -> None:
        self._signed[scheme].inc()

    def count_refused(self, scheme: Scheme | None, refused: Refused) -> None:
        """`scheme` None: it was not read."""
        is_unseen = refused.code is Code.SIGNER_NOT_FOUND
        outcome = Outcome.FAILED if status_of(refused.code) >= 500 else Outcome.DENIED
        reason = Code.NOT_A_MEMBER if is_unseen else refused.code  # as the row says it
        self._signatures.labels(scheme or "", outcome.value, reason.value).inc()

    def count_unknown_key(self) -> None:
        self._unknown_keys.inc()

    def count_anchor_failure(self) -> None:
        self._anchor_failures.inc()

    def observe_run(self, job: str, *, failed: bool, seconds: float, late: float) -> None:
        self._job_runs.labels(job, "failed" if failed else "succeeded").inc()
        self._job_seconds.labels(job).inc(seconds)
        self._job_late.labels(job).set(late)
        if not failed:
            self._job_succeeded.labels(job).set_to_current_time()

    def count_altered(self, what: str) -> None:
        """Whoever writes to the store must not be able to make metrics grow."""
        if len(self._altered_objects) < _MOST_ALTERED:
            self._altered_objects.add(what)
        self._altered.labels(what if what in self._altered_objects else "others").inc()

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        known = self._known.get((method, route, status))
        if known is None:
            known = self._durations.labels(method, route, str(status))
            self._known[method, route, status] = known
        known.observe(seconds)

    def render(self, certificates: Iterable[Metric], *, named: bool) -> bytes:
        """`named`: with the names of objects; else with their kinds alone."""
        counted: Collector = self._registry
        if self._directory is not None:
            counted = MultiProcessCollector(None, str(self._directory))  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        registry.register(_Collected(chain(counted.collect(), certificates), named=named))
        return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric], *, named: bool) -> None:
        self._metrics = metrics
        self._named = named

    def collect(self) -> Iterable[Metric]:
        for metric in self._metrics:
            yield metric if self._named or metric.name != _ALTERED else _by_kind(metric)


def _by_kind(altered: Metric) -> Metric:
    kinds: Counts[str] = Counts()
    for sample in altered.samples:
        if sample.name == f"{_ALTERED}_total":
            kinds[sample.labels["object"].partition("/")[0]] += int(sample.value)
    found = CounterMetricFamily(_ALTERED, altered.documentation, labels=["object"])
    for kind, number in kinds.items():
        found.add_metric([kind], number)
    return found


_OBSERVER = Caller(
    Identity(
        id="",
        name="metrics",
        kind=IdentityKind.MACHINE,
        role=ServerRole.AUDITOR,
        disabled=False,
        owner=None,
        created_at=datetime.fromtimestamp(0, UTC),
    ),
    ApiKey("", "", datetime.fromtimestamp(0, UTC), None),
)


class Certificates:
    """When certificates end; looked at once in a while, because anybody may ask."""

    def __init__(self, signers: Signers) -> None:
        self._signers = signers
        self._known: list[tuple[str, datetime]] = []
        self._look_again = 0.0

    def metrics(self, *, named: bool) -> Iterator[Metric]:
        """`named`: each signer's; else the first end of any."""
        yield _build_info()
        now = time.time()
        left = [(name, end.timestamp() - now) for name, end in self._ends()]
        if named:
            each = GaugeMetricFamily(
                "sealwright_certificate_expiry_seconds",
                "Seconds until a signer's certificate, or one that it rests on, ends.",
                labels=["signer"],
            )
            for name, seconds in left:
                each.add_metric([name], seconds)
            yield each
        if left:
            yield GaugeMetricFamily(
                "sealwright_first_certificate_expiry_seconds",
                "Seconds until the first certificate of any signer ends.",
                value=min(seconds for _, seconds in left),
            )
        yield GaugeMetricFamily(
            "sealwright_certificates_expiring",
            "Certificates that have ended or will within 30 days.",
            value=sum(seconds < _SOON.total_seconds() for _, seconds in left),
        )

    def _ends(self) -> list[tuple[str, datetime]]:
        now = time.monotonic()
        if now >= self._look_again:
            self._known = []
            with suppress(Refused):  # nothing while the store cannot be read
                self._known = list(self._read())
            self._look_again = now + LOOK_SECONDS
        return self._known

    def _read(self) -> Iterator[tuple[str, datetime]]:
        cursor: str | None = None
        while True:
            page = self._signers.list(_OBSERVER, PageRequest(PAGE.most, cursor))
            for each in page.items:
                if each.signer.certificate is not None:
                    yield each.signer.name, each.signer.certificate.usable_until
            cursor = page.next
            if cursor is None:
                return


def _build_info() -> Metric:
    build = GaugeMetricFamily("sealwright_build_info", "1.", labels=["version"])
    build.add_metric([product_version()], 1)
    return build


class MetricsResource:
    """Numbers for everybody; names of signers for who may read them all, or where the server was
    told that only such callers reach it."""

    public = True
    content_type = "text/plain"
    refusals = (
        *EVERYWHERE,
        Code.ADDRESS_NOT_ALLOWED,
        Code.API_KEY_EXPIRED,
        Code.API_KEY_REVOKED,
        Code.API_KEY_SUSPENDED,
        Code.API_KEY_UNKNOWN,
        Code.IDENTITY_DISABLED,
    )

    def __init__(self, metrics: Metrics, services: Services, *, named: bool) -> None:
        self._metrics = metrics
        self._services = services
        self._certificates = Certificates(services.signers)
        self._watched = Watched(services)
        self._named = named

    async def on_get(self, req: Request, resp: Response) -> None:
        key, address = read_api_key(req), req.context.address
        resp.data = await req.context.run(lambda: self._render(key, address))
        resp.content_type = CONTENT_TYPE_PLAIN_0_0_4

    def _render(self, key: str | None, address: str | None) -> bytes:
        named = self._named
        if key is not None:
            caller = self._services.identities.authenticate(key, address)
            self._services.note_use(caller, address)
            named = named or permissions.may_read_everything(caller.identity)
        more = chain(self._certificates.metrics(named=named), self._watched.metrics())
        return self._metrics.render(more, named=named)


def product_version() -> str:
    try:
        return version("sealwright")
    except PackageNotFoundError:
        return "0"
