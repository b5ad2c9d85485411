"""Background work: one of all processes does it, another takes over, and what fails is tried again,
later and later."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from controlplane.background import pause
from controlplane.background.background import Background
from controlplane.background.job import Job
from controlplane.background.jobs import MOST, jobs_of
from controlplane.background.term import Term
from controlplane.domain.job import JobRecord
from controlplane.domain.page import PageRequest
from controlplane.errors import Code, Refused
from controlplane.service.jobs import Jobs
from sealwright.client.errors import ClientError
from sealwright.client.objects import Job as ShownJob
from tests.controlplane.conftest import Api
from tests.postgresql import PostgresqlServer, database, postgresql  # noqa: F401  # fixtures
from tests.server import ControlPlane, running
from tests.world import World

PATIENCE_SECONDS = 30.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Counted:
    """Stands where the metrics do."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, bool]] = []

    def observe_run(self, job: str, *, failed: bool, seconds: float, late: float) -> None:
        assert seconds >= 0
        assert late >= 0
        self.runs.append((job, failed))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "data")
    with world.services:
        yield world


@pytest.fixture
def jobs(world: World) -> Jobs:
    return world.services.jobs


def a_job(run: Callable[[], None], name: str = "work", every: float = 3600) -> Job:
    return Job(name, "Works.", timedelta(seconds=every), run)


def record_of(jobs: Jobs, name: str = "work") -> JobRecord:
    (found,) = [each for each in jobs.on_record() if each.name == name]
    return found


class TestElection:
    @pytest.fixture
    def world(self, tmp_path: Path, database: str | None) -> Iterator[World]:  # noqa: F811
        world = World(tmp_path / "data", database)
        with world.services:
            yield world

    def test_one_wins_and_keeps_it(self, jobs: Jobs) -> None:
        first, second = jobs.election(), jobs.election()
        assert first.wins()
        assert not second.wins()
        assert first.holds()
        assert not second.wins()
        for each in (first, second):
            each.close()

    def test_another_wins_when_it_leaves(self, jobs: Jobs) -> None:
        first, second = jobs.election(), jobs.election()
        assert first.wins()
        first.close()
        assert second.wins()
        second.close()

    def test_who_lost_it_says_so_and_may_win_again(
        self,
        world: World,
        jobs: Jobs,
        database: str | None,  # noqa: F811
        request: pytest.FixtureRequest,
    ) -> None:
        election = jobs.election()
        assert election.wins()
        if database is None:
            (world.location.data_dir / "sealwright.db.elected").unlink()
        else:
            server: PostgresqlServer = request.getfixturevalue("postgresql")
            server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                database=database.rpartition("/")[2],
            )
        assert not election.holds()
        assert election.wins()
        election.close()


class TestATerm:
    def test_runs_each_job_and_says_how_it_went(self, jobs: Jobs) -> None:
        ran, counted = Event(), Counted()
        background = Background([a_job(ran.set)], jobs, counted)
        until(lambda: bool(record_of(jobs).succeeded_at) if ran.is_set() else False)
        background.close()
        told = record_of(jobs)
        assert (told.does, told.every_seconds, told.process) == ("Works.", 3600, os.getpid())
        assert (told.failures, told.failure) == (0, None)
        assert told.ran_at is not None
        assert told.next_at == told.ran_at + timedelta(hours=1)
        assert counted.runs == [("work", False)]

    def test_a_job_that_waits_keeps_no_other_from_running(self, jobs: Jobs) -> None:
        waits, ran = Event(), Event()
        wanted = [a_job(lambda: _await(waits), "slow"), a_job(ran.set, "quick")]
        background = Background(wanted, jobs, Counted())
        assert ran.wait(PATIENCE_SECONDS)
        waits.set()
        background.close()

    def test_runs_a_job_again_after_a_while(self, jobs: Jobs) -> None:
        counted = Counted()
        background = Background([a_job(lambda: None, every=0.01)], jobs, counted)
        until(lambda: len(counted.runs) >= 3)
        background.close()

    def test_forgets_jobs_that_there_are_no_more(self, jobs: Jobs) -> None:
        for name in ("former", "work"):
            term = Term([a_job(lambda: None, name)], jobs, Counted())
            term.end()
            term.wait(PATIENCE_SECONDS)
            assert term.has_ended()
        assert [each.name for each in jobs.on_record()] == ["work"]

    def test_only_one_process_has_it(self, jobs: Jobs) -> None:
        both = [Counted(), Counted()]
        first, second = (Background([a_job(lambda: None, every=0.01)], jobs, it) for it in both)
        until(lambda: any(len(each.runs) > 100 for each in both))
        assert sorted(bool(each.runs) for each in both) == [False, True]
        (elected, waiting) = (first, both[1]) if both[0].runs else (second, both[0])
        elected.close()
        until(lambda: bool(waiting.runs))
        for each in (first, second):
            each.close()


def _await(event: Event) -> None:
    assert event.wait(PATIENCE_SECONDS)


class TestAJobThatFails:
    def test_is_told_of_in_its_own_words(
        self, jobs: Jobs, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def run() -> None:
            raise Refused(Code.STORE_UNAVAILABLE, "The witness is away.")

        counted = Counted()
        background = Background([a_job(run)], jobs, counted)
        until(lambda: bool(counted.runs) and record_of(jobs).failures > 0)
        background.close()
        told = record_of(jobs)
        assert told.failure == "The witness is away."
        assert told.succeeded_at is None
        assert set(counted.runs) == {("work", True)}
        assert "job_failed" in capfd.readouterr().out

    def test_says_no_more_than_its_kind_where_it_was_not_expected(self, jobs: Jobs) -> None:
        def run() -> None:
            raise ValueError("swk_a_secret")

        background = Background([a_job(run)], jobs, Counted())
        until(lambda: any(each.failures for each in jobs.on_record()))
        background.close()
        failure = record_of(jobs).failure or ""
        assert "ValueError" in failure
        assert "secret" not in failure

    def test_is_tried_sooner_than_its_interval_and_is_fine_again(self, jobs: Jobs) -> None:
        faults = [OSError("away")]

        def run() -> None:
            if faults:
                raise faults.pop()

        background = Background([a_job(run)], jobs, Counted())
        until(lambda: any(each.succeeded_at for each in jobs.on_record()))
        background.close()
        told = record_of(jobs)
        assert (told.failures, told.failure) == (0, "away")
        assert told.failed_at is not None

    @pytest.mark.parametrize("failures", range(1, 30))
    def test_is_tried_later_and_later(self, failures: int) -> None:
        least, most = pause.back_off(failures, 0), pause.back_off(failures, 1)
        assert least == most / 2
        assert most <= pause.MOST
        assert pause.back_off(failures + 1, 1) == min(most * 2, pause.MOST)

    def test_is_not_tried_sooner_for_being_taken_over(self, world: World, jobs: Jobs) -> None:
        now = jobs.now()
        wanted = a_job(lambda: None)
        failing = JobRecord(
            "work", "Works.", 3600, now, "other", 1, ran_at=now, failures=9, failed_at=now
        )
        jobs.take_over([failing])
        counted = Counted()
        background = Background([wanted, a_job(lambda: None, "fine")], jobs, counted)
        until(lambda: ("fine", False) in counted.runs)
        background.close()
        assert ("work", False) not in counted.runs
        assert record_of(jobs).next_at > now + timedelta(minutes=1)

    def test_is_held_up_by_nothing_that_stands_in_the_store(self, jobs: Jobs) -> None:
        now = jobs.now()
        later = now + timedelta(days=9)
        bent = JobRecord(
            "work", "Works.", 3600, later, "other", 1, ran_at=now, failures=9, failed_at=later
        )
        jobs.take_over([bent])
        background = Background([a_job(lambda: None)], jobs, Counted())
        until(lambda: record_of(jobs).process == os.getpid())
        background.close()
        assert record_of(jobs).next_at <= jobs.now() + pause.MOST


class TestTheList:
    def test_is_for_who_reads_everything(self, api: Api) -> None:
        user = api.user("ann")
        refused = api.get("/v1/jobs", key=user)
        assert (refused.status_code, refused.json["code"]) == (403, "reader_required")
        assert api.get("/v1/jobs").json == {"items": [], "next": None}

    def test_is_of_all_jobs_by_name(self, world: World) -> None:
        jobs, wanted = world.services.jobs, jobs_of(world.services)
        assert len(wanted) <= MOST
        background = Background(wanted, jobs, Counted())
        until(lambda: len(jobs.on_record()) == len(wanted))
        background.close()
        page = jobs.list(world.admin, PageRequest(1))
        seen = list(page.items)
        while page.next is not None:
            page = jobs.list(world.admin, PageRequest(1, page.next))
            seen += page.items
        assert [each.name for each in seen] == sorted(each.name for each in wanted)


def listed(plane: ControlPlane) -> list[ShownJob]:
    with suppress(ClientError):  # the worker that was killed had this connection
        return list(plane.client().jobs(100).value.items)
    return []


def elected(plane: ControlPlane) -> int | None:
    """The process that runs all jobs."""
    found = {each.process for each in listed(plane)}
    return found.pop() if len(found) == 1 else None


def test_another_process_of_the_server_takes_over_from_one_that_was_killed(tmp_path: Path) -> None:
    with running(tmp_path / "plane", "--workers", "2") as plane:
        until(lambda: elected(plane) in plane.workers())
        before = elected(plane)
        assert before is not None
        os.kill(before, signal.SIGKILL)
        until(lambda: elected(plane) in {*plane.workers()} - {before})


def test_another_node_takes_over_from_one_that_was_killed(
    tmp_path: Path,
    postgresql: PostgresqlServer,  # noqa: F811
) -> None:
    url = postgresql.new_database()
    with running(tmp_path / "first", database=url) as first:
        second = first.join(tmp_path / "second", url)
        second.start()
        try:
            until(lambda: elected(second) in first.workers())
            first.kill()
            until(lambda: elected(second) in second.workers())
        finally:
            second.kill()
