"""What runs in the background."""

from datetime import datetime

from controlplane.api.endpoint import endpoint
from controlplane.api.pages import Items, PageQuery, items
from controlplane.api.structs import Shown, made
from controlplane.domain.job import JobRecord
from controlplane.domain.model import Caller
from controlplane.domain.page import PageRequest
from controlplane.errors import Code
from controlplane.service.jobs import Jobs


class Job(Shown, frozen=True):
    """`does`: a sentence. `every_seconds`: between two runs; `next_at`: when it runs next.
    `ran_at`: when its last run ended, and `succeeded_at` the last that succeeded; of a job that
    goes well half a minute old at most. `failures`: of its last runs, in a row. `failed_at`,
    `failure`: of the last that failed, in words. `node`, `process`: the host that runs it, and the
    process id there."""

    name: str
    does: str
    every_seconds: int
    next_at: datetime
    ran_at: datetime | None
    succeeded_at: datetime | None
    failures: int
    failed_at: datetime | None
    failure: str | None
    node: str
    process: int


class JobsResource:
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    @endpoint("List what runs in the background", refusals=(Code.READER_REQUIRED,))
    def on_get(self, caller: Caller, query: PageQuery) -> Items[Job]:
        return items(self._jobs.list(caller, PageRequest(query.limit, query.cursor)), _job)


def _job(of: JobRecord) -> Job:
    return made(Job, of)
