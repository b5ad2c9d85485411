"""Which jobs there are."""

from datetime import timedelta

from controlplane.background.job import Job
from controlplane.service.installation import Services

MOST = 8
"""That there are: each may want a connection to the store."""


def jobs_of(services: Services) -> tuple[Job, ...]:
    return (
        Job(
            "checkpoint",
            "Publishes a checkpoint of the log where rows came, once anybody has asked for one.",
            timedelta(seconds=1),
            services.published_log.keep_published,
        ),
        Job(
            "erase-deleted",
            "Erases the private keys and members of signers whose deletion is due.",
            timedelta(seconds=10),
            services.erase_due,
        ),
        Job(
            "witness-log",
            "Sends the published checkpoint of the log to its witnesses, and keeps what they sign.",
            timedelta(minutes=1),
            services.witnessing.submit_to_all,
        ),
        Job(
            "renew-timestamping",
            "Makes the next key of timestamps and destroys the one before, after 450 days.",
            timedelta(hours=1),
            services.timestamps.renew_due,
        ),
        Job(
            "renew-certificates",
            "Renews certificates when settings renew-before says so; makes the request where "
            "another CA certifies.",
            timedelta(hours=1),
            services.renewals.renew_due,
        ),
    )
