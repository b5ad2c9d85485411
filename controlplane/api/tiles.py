"""The log as a tree, for other people's programs (C2SP tlog-tiles). Nothing there is JSON but the
proof that one checkpoint fits another, which they make of tiles themselves."""

import hashlib
import re
from typing import Annotated

from falcon.asgi import Request
from msgspec import Meta

from controlplane.api.catalogue import names_etag
from controlplane.api.endpoint import Answer, Encoded, endpoint
from controlplane.api.structs import Body, Shown
from controlplane.domain.model import Caller
from controlplane.domain.tree import TILE_WIDTH
from controlplane.errors import Code, Refused
from controlplane.service.log_readers import LogReaders
from controlplane.service.published_log import PublishedLog
from controlplane.service.witnessing import Witnessing

_OCTETS = "application/octet-stream"
_TEXT = "text/plain; charset=utf-8"
_FOR_A_WHILE = "max-age=3600, immutable"
"""A log's tiles never change, but a store that was restored has another log at the same address."""
_PLACE = re.compile(r"((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]")
_LENGTH_OCTETS = 2

Size = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class CheckpointQuery(Body, frozen=True):
    witnessed: Annotated[bool, Meta(description="the last one that a witness signed")] | None = None


class ConsistencyQuery(Body, frozen=True):
    old: Size
    new: Size


class ConsistencyProof(Shown, frozen=True):
    """RFC 6962 §2.1.2."""

    hashes: list[bytes]


class Resource:
    """Base: the published log, for who may read it."""

    takes_strangers = True
    shows_evidence = True

    def __init__(self, readers: LogReaders, log: PublishedLog) -> None:
        self._readers = readers
        self._log = log

    def _scope(self, caller: Caller | None, request: Request) -> str:
        """Which caches may keep the answer."""
        is_public = self._readers.admit(caller, request.context.address)
        return "public" if is_public else "private"


class LogCheckpointResource(Resource):
    def __init__(self, readers: LogReaders, log: PublishedLog, witnessing: Witnessing) -> None:
        super().__init__(readers, log)
        self._witnessing = witnessing

    @endpoint(
        "Show the published checkpoint (C2SP tlog-checkpoint), with what witnesses signed of it",
        also=(304,),
        refusals=(Code.READER_REQUIRED, Code.NOT_WITNESSED_YET),
        media_type=_TEXT,
    )
    def on_get(
        self, request: Request, caller: Caller | None, query: CheckpointQuery
    ) -> Answer[bytes]:
        scope = self._scope(caller, request)
        if query.witnessed:
            found = self._witnessing.last_witnessed(0)
        else:
            found = self._witnessing.with_cosignatures(self._log.checkpoint())
        note = found.note.encode()
        etag = f'"{hashlib.sha256(note).hexdigest()}"'
        headers = {"ETag": etag, "Cache-Control": f"{scope}, no-cache"}
        if names_etag(request.get_header("If-None-Match"), etag):
            return Answer(status=304, headers=headers)
        return Answer(Encoded(note), headers=headers)


class LogTileResource(Resource):
    @endpoint(
        "Show a tile: hashes of one level of the tree (C2SP tlog-tiles)",
        refusals=(Code.READER_REQUIRED, Code.TILE_NOT_FOUND),
        media_type=_OCTETS,
    )
    def on_get(
        self, request: Request, caller: Caller | None, level: str, place: str
    ) -> Answer[bytes]:
        scope = self._scope(caller, request)
        if not _LEVEL.fullmatch(level):
            raise _no_tile()
        return _kept(self._log.tile(int(level), *_read_place(place)), scope)


class LogEntriesResource(Resource):
    @endpoint(
        "Show a bundle of entries: hashes of rows, each after its length (C2SP tlog-tiles)",
        refusals=(Code.READER_REQUIRED, Code.TILE_NOT_FOUND),
        media_type=_OCTETS,
    )
    def on_get(self, request: Request, caller: Caller | None, place: str) -> Answer[bytes]:
        scope = self._scope(caller, request)
        entries = self._log.entries(*_read_place(place))
        bundle = b"".join(len(each).to_bytes(_LENGTH_OCTETS) + each for each in entries)
        return _kept(bundle, scope)


class LogConsistencyResource(Resource):
    @endpoint(
        "Prove that the tree of one published size is the beginning of that of another",
        refusals=(Code.READER_REQUIRED, Code.TILE_NOT_FOUND),
    )
    def on_get(
        self, request: Request, caller: Caller | None, query: ConsistencyQuery
    ) -> ConsistencyProof:
        self._scope(caller, request)
        return ConsistencyProof(self._log.consistency(query.old, query.new))


def _kept(octets: bytes, scope: str) -> Answer[bytes]:
    return Answer(Encoded(octets), headers={"Cache-Control": f"{scope}, {_FOR_A_WHILE}"})


def _read_place(place: str) -> tuple[int, int]:
    """Index and width of `N[.p/W]`. Refused 404 tile_not_found."""
    found = _PLACE.fullmatch(place)
    if found is None or found[1].startswith("x000"):
        raise _no_tile()
    width = TILE_WIDTH if found[3] is None else int(found[3])
    if found[3] is not None and width >= TILE_WIDTH:
        raise _no_tile()
    return int(found[1].replace("x", "").replace("/", "") + found[2]), width


def _no_tile() -> Refused:
    return Refused(Code.TILE_NOT_FOUND, "There is no such tile up to the published checkpoint.")
