"""A report as one page that needs nothing else: to be kept, shown and printed."""

from collections.abc import Iterator, Sequence
from html import escape

from sealwright.cli import report_text as text
from sealwright.cli.moment import moment
from sealwright.cli.report_forms import About, Entry
from sealwright.cli.text import printable
from sealwright.client.objects import ReportedOperation

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #111; background: #fff; }
h1 { font-size: 1.5em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em; }
dt { font-weight: bold; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .85em; }
th, td { border: 1px solid #999; padding: .3em .5em; text-align: left; vertical-align: top; }
th { background: #eee; }
td p { margin: 0 0 .2em; overflow-wrap: anywhere; }
code { font-family: ui-monospace, monospace; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { margin: 0; font-size: 10px; } thead { display: table-header-group; }
  tr { break-inside: avoid; }
}
"""
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1>{title}</h1>
"""

Cell = Sequence[object]
"""Its paragraphs: what there is of these."""


class Html:
    def __init__(self) -> None:
        self._changes = False
        self._head = ""

    def begin(self, about: About) -> Iterator[str]:
        self._changes = about.changes
        title = "Changes on record" if about.changes else "Signatures on record"
        yield _HEAD.format(title=f"Sealwright: {title}", style=_STYLE)
        head = f"row {about.head.sequence}, {about.head.row_hash}"
        yield _facts([*about.filters, ("head of the log", head)])
        columns = _CHANGE_COLUMNS if about.changes else _SIGNATURE_COLUMNS
        cells = "".join(f"<th>{_safe(name)}</th>" for name in columns)
        yield f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n"

    def page(self, entries: Sequence[Entry]) -> Iterator[str]:
        cells_of = _change if self._changes else _signature
        for each in entries:
            cells = "".join(f"<td>{_paragraphs(cell)}</td>" for cell in cells_of(each.value))
            yield f"<tr>{cells}</tr>\n"

    def end(self, count: int) -> Iterator[str]:
        yield "</tbody>\n</table>\n"
        yield _facts([("rows in this report", str(count))])
        yield "</body>\n</html>\n"


_SIGNATURE_COLUMNS = ("row", "signed by", "from", "what", "under", "approved by")
_CHANGE_COLUMNS = ("row", "changed by", "what", "details", "asked for by", "agreed to by")


def _signature(one: ReportedOperation) -> list[Cell]:
    grant, request = one.grant, one.request
    return [
        _row(one),
        _who(one),
        [
            text.origin(one),
            one.client and one.client.os_user and f"user {one.client.os_user}",
            one.client and one.client.command,
            one.client
            and one.client.application_sha256
            and f"application {one.client.application_sha256}",
        ],
        [
            f"signer {one.signer}",
            one.reason or one.outcome,
            f"{one.scheme} over {one.hash}" if one.scheme else None,
            text.digest_hex(one),
            one.certificate_serial and f"certificate {one.certificate_serial}",
        ],
        [
            text.why(one),
            one.grant_id and f"grant {one.grant_id}",
            grant and f"of {text.instant(grant.created_at)}, policy {grant.policy}",
            request and f"request {request.id} by {request.requester}",
        ],
        [text.approval(each) for each in one.approved_by],
    ]


def _change(one: ReportedOperation) -> list[Cell]:
    request = one.request
    return [
        _row(one),
        _who(one),
        [one.action, one.object, one.signer and f"signer {one.signer}"],
        [text.details(one)],
        [request and f"{request.requester}, {text.instant(request.created_at)}"],
        [text.approval(each) for each in one.approved_by],
    ]


def _row(one: ReportedOperation) -> Cell:
    return [f"{one.sequence}", moment(one.created_at), one.id]


def _who(one: ReportedOperation) -> Cell:
    return [one.actor or "the server's own machine", text.credential(one.credential)]


def _paragraphs(cell: Cell) -> str:
    return "".join(f"<p>{_safe(str(each))}</p>" for each in cell if each)


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"<dt>{_safe(name)}</dt><dd>{_safe(value)}</dd>\n" for name, value in pairs)
    return f"<dl>\n{lines}</dl>\n"


def _safe(words: str) -> str:
    return escape(printable(words))
