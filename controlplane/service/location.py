"""Where an installation lives, as `init` was told and its data directory remembers."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from controlplane.errors import Code, Refused
from controlplane.store.database import Store
from controlplane.store.opening import open_store

_REMEMBERED = "location.json"
_SQLITE = "sqlite:///"


class _Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    database: str | None = None
    master_key_file: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """`database` is a URL, by default the SQLite file `<data_dir>/sealwright.db`;
    `master_key_file` is by default `<data_dir>/master.key`."""

    data_dir: Path
    database: str | None = None
    master_key_file: Path | None = None

    @property
    def master_key_path(self) -> Path:
        return self.master_key_file or self.data_dir / "master.key"

    @property
    def store_path(self) -> Path:
        """The SQLite file where no other database is named."""
        return self.data_dir / "sealwright.db"

    def store(self, most_connections: int | None = None, *, read_only: bool = False) -> Store:
        """Not connected yet. Refused as `open_store`."""
        url = self.database or f"{_SQLITE}{self.store_path}"
        return open_store(url, most_connections, read_only=read_only)

    def recalled(self) -> "Location":
        """With what its data directory remembers where nothing else was said. Refused
        location_unreadable."""
        path = self.data_dir / _REMEMBERED
        try:
            found = msgspec.json.decode(path.read_bytes(), type=_Remembered)
        except FileNotFoundError:
            return self
        except (OSError, msgspec.MsgspecError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise Refused(Code.LOCATION_UNREADABLE, f"{path} cannot be read: {why}") from None
        key = None if found.master_key_file is None else Path(found.master_key_file)
        return replace(
            self,
            database=self.database or found.database,
            master_key_file=self.master_key_file or key,
        )

    def remember(self) -> None:
        """So that `serve` needs the data directory only. Nothing is written where all is where it
        is by default; the file is its owner's alone, since a URL may hold a password."""
        if (remembered := self._to_remember()) is not None:
            _write(self.data_dir / _REMEMBERED, remembered)

    def remember_anew(self) -> None:
        """The same in the place of what it remembers."""
        path, remembered = self.data_dir / _REMEMBERED, self._to_remember()
        if remembered is None:
            path.unlink(missing_ok=True)
            return
        new = path.with_name(f".{_REMEMBERED}.new")
        new.unlink(missing_ok=True)
        _write(new, remembered)
        new.replace(path)

    def _to_remember(self) -> bytes | None:
        if self.database is None and self.master_key_file is None:
            return None
        database, key = self.database, self.master_key_file
        if database is not None and database.startswith(_SQLITE):
            database = _SQLITE + str(Path(database.removeprefix(_SQLITE)).absolute())
        remembered = _Remembered(database, None if key is None else str(key.absolute()))
        return msgspec.json.encode(remembered)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # the mode is set where it is made
        file.write(content)
