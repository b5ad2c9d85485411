"""The store of one installation: created once, then opened by each process of the server."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from controlplane.service.audit import Audit
from controlplane.service.catalogue import Catalogue
from controlplane.service.identities import Identities, NewIdentity
from controlplane.service.members import Members
from controlplane.service.signers import Signers
from controlplane.service.signing import Signing


@dataclass(frozen=True, slots=True)
class Location:
    """Where an installation lives.

    `database` is a URL, by default `sqlite:///<data_dir>/sealwright.db`; `master_key_file` by
    default `<data_dir>/master.key`.
    """

    data_dir: Path
    database: str | None = None
    master_key_file: Path | None = None


def initialise(location: Location, admin: str = "admin") -> NewIdentity:
    """Creates data directory (0700), store and master key (0600), the built-in CA and the first
    admin. Refused already_initialised where there is a store; an empty folder is fine."""
    raise NotImplementedError


def new_admin_key(location: Location, admin: str = "admin") -> NewIdentity:
    """Locked out: a new key for this admin, who is enabled and made admin if need be; audited
    with no actor. Refused not_initialised."""
    raise NotImplementedError


class Services:
    """The use cases over one opened store. Open it in the process that uses it, after fork."""

    identities: Identities
    signers: Signers
    members: Members
    signing: Signing
    catalogue: Catalogue
    audit: Audit

    def check_ready(self) -> None:
        """Refused 503 not_ready: the store cannot be reached or needs a migration."""
        raise NotImplementedError

    def release_connection(self) -> None:
        """Closes this thread's connection to the store, if it has one."""
        raise NotImplementedError

    def close(self) -> None:
        """Waits for rows on their way, then closes this process's connections."""
        raise NotImplementedError

    def __enter__(self) -> "Services":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_services(location: Location) -> Services:
    """Refused not_initialised, migration_needed, master_key_unreadable, master_key_wrong."""
    raise NotImplementedError
