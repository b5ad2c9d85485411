"""RFC 9110 and 9112 to the letter: for each thing that is said, the answer, and whether the
connection goes on. Whoever stands between a client and the server must never see other requests
than the server does."""

import json
import re
import socket
import struct

import pytest

from tests.serving.conftest import Shared
from tests.serving.wire import LIVE, Answer, Conversation

Answers = list[tuple[int, str | None]]

LINE = b"GET /v1/health/live HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
GET = LINE + HOST
JSON = b"Content-Type: application/json\r\n"
POST = b"POST /v1/identities HTTP/1.1\r\n" + HOST + JSON
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
OK = (200, None)
INVALID = (400, "invalid_request")
NOT_FOUND = (404, "not_found")
NO_LENGTH = (411, "length_required")
TOO_LARGE = (413, "payload_too_large")
LONG_LINE = (414, "uri_too_long")
LONG_HEAD = (431, "headers_too_large")
NO_KEY = (401, "api_key_missing")


def get(target: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + HOST + b"\r\n"


def named(cases: dict[str, tuple[bytes, Answers, bool]]) -> pytest.MarkDecorator:
    """Each: what is said; the answers; whether the connection goes on after them."""
    return pytest.mark.parametrize(
        ("said", "answers", "goes_on"), list(cases.values()), ids=list(cases)
    )


def refused(
    cases: dict[str, bytes], answer: tuple[int, str]
) -> dict[str, tuple[bytes, Answers, bool]]:
    """Nothing but this is answered, and what follows is not read."""
    return {name: (said + LIVE, [answer], False) for name, said in cases.items()}


def served(
    cases: dict[str, bytes], *answers: tuple[int, str | None]
) -> dict[str, tuple[bytes, Answers, bool]]:
    return {name: (said, list(answers), True) for name, said in cases.items()}


def hold(conversation: Conversation, said: bytes, answers: Answers, goes_on: bool) -> None:
    conversation.say(said)
    heard = [conversation.hear() for _ in answers]
    assert [(each.status, each.code) for each in heard] == answers
    for each in heard:
        assert each.field("x-request-id")
    assert [each.field("connection") for each in heard[:-1]] == [None] * (len(heard) - 1)
    assert heard[-1].field("connection") == (None if goes_on else "close")
    assert conversation.goes_on() if goes_on else conversation.ends()


SMUGGLING = {
    "Content-Length, Transfer-Encoding": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding, Content-Length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "in other cases": b"tRANSFER-eNCODING: cHUNKED\r\ncONTENT-lENGTH: 5\r\n",
    "chunked, identity": b"Transfer-Encoding: chunked, identity\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "xchunked": b"Transfer-Encoding: xchunked\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunked in two fields": b"Transfer-Encoding: chunked\r\n" * 2,
    "chunked with a parameter": b"Transfer-Encoding: chunked;a=b\r\n",
    "chunked quoted": b'Transfer-Encoding: "chunked"\r\n',
    "chunked and a comma": b"Transfer-Encoding: chunked,\r\n",
    "a comma and chunked": b"Transfer-Encoding: ,chunked\r\n",
    "chunked and a vertical tab": b"Transfer-Encoding: chunked\x0b\r\n",
    "no coding": b"Transfer-Encoding:\r\n",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
    "equal lengths": b"Content-Length: 5\r\n" * 2,
    "different lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "a list of equal lengths": b"Content-Length: 5, 5\r\n",
    "a list without a blank": b"Content-Length: 5,5\r\n",
    "a length with a plus": b"Content-Length: +5\r\n",
    "a length below zero": b"Content-Length: -5\r\n",
    "a length in hexadecimal": b"Content-Length: 0x5\r\n",
    "a length with a fraction": b"Content-Length: 5.0\r\n",
    "a length with an underscore": b"Content-Length: 1_0\r\n",
    "two lengths with a blank": b"Content-Length: 5 5\r\n",
    "a length in other digits": b"Content-Length: \xd9\xa5\r\n",
    "no digits": b"Content-Length:\r\n",
    "a length of 2^64 + 5": b"Content-Length: 18446744073709551621\r\n",
    "a length of 25 digits": b"Content-Length: " + b"9" * 25 + b"\r\n",
    "a blank before the colon of a length": b"Content-Length : 5\r\n",
}


@named(
    refused({name: POST + fields + b"\r\n0\r\n\r\n" for name, fields in SMUGGLING.items()}, INVALID)
    | refused(
        {
            "chunked in HTTP/1.0": b"POST /v1/identities HTTP/1.0\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS
        },
        INVALID,
    )
    | served(
        {
            "a length with blanks around": POST + b"Content-Length: \t 2 \t\r\n\r\n{}",
            "a length with zeros": POST + b"Content-Length: 002\r\n\r\n{}",
            "names with an underscore mean nothing": POST
            + b"Transfer_Encoding: chunked\r\nContent_Length: 9\r\nContent-Length: 2\r\n\r\n{}",
        },
        NO_KEY,
    )
)
def test_a_request_ends_in_one_place_for_everybody(
    shared: Shared, said: bytes, answers: Answers, goes_on: bool
) -> None:
    with shared.connect() as conversation:
        hold(conversation, said, answers, goes_on)


@named(
    refused(
        {
            "Host": LINE + HOST * 2 + b"\r\n",
            "Host, unequal": LINE + HOST + b"Host: y\r\n\r\n",
            "Content-Type": POST + JSON + b"Content-Length: 2\r\n\r\n{}",
        },
        INVALID,
    )
)
def test_what_may_stand_once_stands_once(
    shared: Shared, said: bytes, answers: Answers, goes_on: bool
) -> None:
    with shared.connect() as conversation:
        hold(conversation, said, answers, goes_on)


@pytest.mark.parametrize("name", ["Authorization", "Idempotency-Key"])
def test_what_the_application_reads_once_stands_once(shared: Shared, name: str) -> None:
    field = b"Idempotency-Key: a\r\n"
    if name == "Authorization":
        said = b"GET /v1/whoami HTTP/1.1\r\n" + HOST + shared.authorization * 2 + b"\r\n"
    else:
        said = b"POST /v1/signers/none/sign HTTP/1.1\r\n" + HOST + JSON + shared.authorization
        said += field * 2 + b"Content-Length: 2\r\n\r\n{}"
    with shared.connect() as conversation:
        answer = conversation.say(said).hear()
        assert (answer.status, json.loads(answer.body)["field"]) == (400, name)
        assert conversation.goes_on()


def with_octets(octets: list[int]) -> dict[str, bytes]:
    cases: dict[str, bytes] = {}
    for each in octets:
        octet = bytes([each])
        cases |= {
            f"{each:02x} in a name": GET + b"X" + octet + b"Y: z\r\n\r\n",
            f"{each:02x} in a path": get(b"/v1/health" + octet + b"/live"),
            f"{each:02x} in a query": get(b"/v1/health/live?" + octet),
            f"{each:02x} in a method": octet + get(b"/v1/health/live"),
        }
    return cases


CONTROLS = [0, 1, 8, 0x0B, 0x0C, 0x0D, 0x1B, 0x7F]

NO_HTTP = {
    "a folded line": GET + b"X: y\r\n z\r\n\r\n",
    "a line folded with a tab": GET + b"X: y\r\n\tz\r\n\r\n",
    "a blank before the first field": LINE + b" X: y\r\n" + HOST + b"\r\n",
    "line feeds alone": GET.replace(b"\r\n", b"\n") + b"\n",
    "a line feed alone after the request line": LINE.replace(b"\r\n", b"\n") + HOST + b"\r\n",
    "a line feed alone after a field": LINE + b"Host: x\n\r\n",
    "a line feed alone at the end": GET + b"\n",
    "a carriage return alone in a field": GET + b"X: y\rz\r\n\r\n",
    "a carriage return too many": GET + b"X: y\r\r\n\r\n",
    "a blank before the colon": GET + b"X : y\r\n\r\n",
    "a tab before the colon": GET + b"X\t: y\r\n\r\n",
    "no colon": GET + b"X\r\n\r\n",
    "no name": GET + b": y\r\n\r\n",
    "a tab in the path": get(b"/v1/health\t/live"),
    "no target": get(b""),
    "a target without a slash": get(b"v1/health/live"),
    "a target of a query alone": get(b"?x"),
    "an authority as the target of GET": get(b"x:443"),
    "an asterisk as the target of GET": get(b"*"),
    "tabs instead of blanks": b"GET\t/v1/health/live\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank before the method": b" " + GET + b"\r\n",
    "a blank after the version": LINE.replace(b"\r\n", b" \r\n") + HOST + b"\r\n",
    "HTTP/0.9": b"GET /v1/health/live\r\n\r\n",
    "HTTP/0.9 in words": get(b"/v1/health/live", b"HTTP/0.9"),
    "HTTP/1.2": get(b"/v1/health/live", b"HTTP/1.2"),
    "HTTP/1.10": get(b"/v1/health/live", b"HTTP/1.10"),
    "HTTP/01.1": get(b"/v1/health/live", b"HTTP/01.1"),
    "HTTP/2.0": get(b"/v1/health/live", b"HTTP/2.0"),
    "http/1.1": get(b"/v1/health/live", b"http/1.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": b"get /v1/health/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method of 21 letters": b"A" * 21 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method of 2 letters": b"GO / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no method": b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "two empty lines before the request": b"\r\n\r\n" + GET + b"\r\n",
    "a line feed before the request": b"\n" + GET + b"\r\n",
} | {
    f"{each} in a name": GET + b"X" + each.encode() + b"Y: z\r\n\r\n"
    for each in '"(),/;<=>?@[\\]{}'
}


@named(
    refused(NO_HTTP, INVALID)
    | refused(with_octets([*CONTROLS, 0x80, 0xFF]), INVALID)
    | refused(
        {f"{each:02x} in a value": GET + b"X: y%cz\r\n\r\n" % each for each in CONTROLS}, INVALID
    )
    | refused(
        {
            "a line of 4 KiB": get(b"/" + b"a" * 4096),
            "a line of 64 KiB": get(b"/" + b"a" * 65536),
            "a line without end": b"GET /" + b"a" * 65536,
        },
        LONG_LINE,
    )
    | refused(
        {
            "a field of more than 16 KiB": GET + b"X: " + b"a" * 16384 + b"\r\n\r\n",
            "a field of 64 KiB": GET + b"X: " + b"a" * 65536 + b"\r\n\r\n",
            "a field without end": GET + b"X: " + b"a" * 65536,
            "65 fields": GET + b"X: y\r\n" * 64 + b"\r\n",
            "1,000 fields": GET + b"X: y\r\n" * 1000 + b"\r\n",
        },
        LONG_HEAD,
    )
)
def test_what_is_no_http_is_refused_and_nothing_more_is_read(
    shared: Shared, said: bytes, answers: Answers, goes_on: bool
) -> None:
    with shared.connect() as conversation:
        hold(conversation, said, answers, goes_on)


@named(
    served(
        {
            "no Host, on which nothing here rests": LINE + b"\r\n",
            "an empty Host": LINE + b"Host:\r\n\r\n",
            "a Host with a port": LINE + b"Host: [::1]:8443\r\n\r\n",
            "the absolute form": get(b"http://x/v1/health/live"),
            "the absolute form for another host": get(b"HTTPS://y:1/v1/health/live"),
            "a tab in a value": GET + b"X: y\tz\r\n\r\n",
            "octets beyond ASCII in a value": GET + b"X: y\x80\xff\r\n\r\n",
            "a value with a colon": GET + b"X:Y: z\r\n\r\n",
            "an empty value": GET + b"X:\r\n\r\n",
            "every letter of a token": GET + b"!#$%&'*+-.^_`|~09AZaz: y\r\n\r\n",
            "a letter of the path in hexadecimal": get(b"/v1/health/%6Cive"),
            "two slashes before a path": get(b"//v1/health/live"),
            "two blanks between the words": b"GET  /v1/health/live  HTTP/1.1\r\n" + HOST + b"\r\n",
            "an empty line before the request": b"\r\n" + GET + b"\r\n",
            "a field of just under 16 KiB": GET + b"X: " + b"a" * 16000 + b"\r\n\r\n",
            "64 fields": GET + b"X: y\r\n" * 63 + b"\r\n",
            "a body with GET": GET + b"Content-Length: 5\r\n\r\nGET /",
            "an expectation without a body": GET + b"Expect: 100-continue\r\n\r\n",
            "an unknown expectation": GET + b"Expect: tea\r\n\r\n",
            "an upgrade to websocket": GET
            + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "an upgrade to HTTP/2": GET
            + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            + b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
        },
        OK,
    )
    | served(
        {
            "the absolute form without a path": get(b"http://x"),
            "the absolute form of another scheme": get(b"ftp://x/v1/health/live"),
            "an asterisk with OPTIONS": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
            "two slashes within a path": get(b"/v1//health/live"),
            "dots": get(b"/v1/x/../health/live"),
            "a fragment": get(b"/v1/health/live#x"),
            "NUL in hexadecimal": get(b"/v1/health/live%00"),
            "no UTF-8 in hexadecimal": get(b"/%ff"),
            "half a hexadecimal": get(b"/v1/health/live%"),
        },
        NOT_FOUND,
    )
    | served(
        {
            "a query that nobody asked for": get(b"/v1/health/live?x=y"),
            "no UTF-8 in the query": get(b"/v1/health/live?%ff"),
            "an unknown method": b"FOO /v1/health/live HTTP/1.1\r\n" + HOST + b"\r\n",
        },
        INVALID,
    )
    | served(
        {"a method that is not for this": b"TRACE /v1/health/live HTTP/1.1\r\n" + HOST + b"\r\n"},
        (405, "method_not_allowed"),
    )
    | {
        "an authority with CONNECT": (
            b"CONNECT x:443 HTTP/1.1\r\n" + HOST + b"\r\n" + LIVE,
            [NOT_FOUND],
            False,
        ),
    }
)
def test_what_is_http_is_answered(
    shared: Shared, said: bytes, answers: Answers, goes_on: bool
) -> None:
    with shared.connect() as conversation:
        hold(conversation, said, answers, goes_on)


@named(
    served(
        {
            "three at once": LIVE * 3,
            "empty lines between them": LIVE + b"\r\n" + LIVE + b"\r\n" + LIVE,
            "one behind a body": GET + b"Content-Length: 5\r\n\r\nGET /" + LIVE * 2,
        },
        OK,
        OK,
        OK,
    )
    | {
        "one behind a refused call": (
            POST + b"Content-Length: 2\r\n\r\n{}" + LIVE,
            [NO_KEY, OK],
            True,
        ),
        "garbage behind a good one": (LIVE + b"\x00\r\n\r\n" + LIVE, [OK, INVALID], False),
        "a TLS handshake behind a good one": (LIVE + b"\x16\x03\x01\r\n\r\n", [OK, INVALID], False),
        "garbage behind a body": (
            POST + b"Content-Length: 2\r\n\r\n{}{}" + LIVE,
            [NO_KEY, INVALID],
            False,
        ),
        "after one that closes": (GET + b"Connection: close\r\n\r\n" + LIVE, [OK], False),
        "close in a list": (GET + b"Connection: keep-alive, Close\r\n\r\n" + LIVE, [OK], False),
        "close in a second field": (
            GET + b"Connection: keep-alive\r\nConnection: close\r\n\r\n" + LIVE,
            [OK],
            False,
        ),
        "after HTTP/1.0": (b"GET /v1/health/live HTTP/1.0\r\n\r\n" + LIVE, [OK], False),
        "after HTTP/1.0 that would go on": (
            b"GET /v1/health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + LIVE,
            [OK],
            False,
        ),
    }
)
def test_requests_in_a_row_are_answered_in_turn(
    shared: Shared, said: bytes, answers: Answers, goes_on: bool
) -> None:
    with shared.connect() as conversation:
        hold(conversation, said, answers, goes_on)


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (CHUNKED + b"\r\n" + CHUNKS, NO_LENGTH),
        (CHUNKED + b"\r\n" + b"0\r\n\r\n", NO_LENGTH),
        (CHUNKED + b"\r\n" + b"2;a=b\r\n{}\r\n0\r\n\r\n", NO_LENGTH),
        (CHUNKED + b"Trailer: X\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n", NO_LENGTH),
        (CHUNKED.replace(b"chunked", b"\tchunked "), None),
        (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n" + CHUNKS, NO_LENGTH),
        (CHUNKED.replace(b"chunked", b"identity, chunked") + b"\r\n" + CHUNKS, NO_LENGTH),
        (CHUNKED + b"\r\n" + b"{}", INVALID),
        (CHUNKED + b"\r\n" + b"-2\r\n{}\r\n0\r\n\r\n", INVALID),
        (CHUNKED + b"\r\n" + b"0x2\r\n{}\r\n0\r\n\r\n", INVALID),
        (CHUNKED + b"\r\n" + b"2\n{}\n0\n\n", INVALID),
        (CHUNKED + b"\r\n" + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n", INVALID),
    ],
)
def test_a_body_in_chunks_is_refused_and_nothing_behind_it_is_read(
    shared: Shared, said: bytes, expected: tuple[int, str] | None
) -> None:
    said = said.replace(HOST, HOST + shared.authorization)
    if expected is None:
        said, expected = said + b"\r\n" + CHUNKS, NO_LENGTH
    with shared.connect() as conversation:
        hold(conversation, said + LIVE, [expected], False)


def test_a_request_within_chunks_is_none(shared: Shared) -> None:
    """It would be answered without a key being asked for."""
    inside = b"%x\r\n" % len(LIVE) + LIVE + b"\r\n0\r\n\r\n"
    with shared.connect() as conversation:
        hold(conversation, CHUNKED + b"\r\n" + inside, [NO_KEY], False)


def create(shared: Shared, length: int, *fields: bytes, key: bool = True) -> bytes:
    head = POST + b"Content-Length: %d\r\n" % length + b"".join(fields)
    return head + (shared.authorization if key else b"") + b"\r\n"


EXPECT = b"Expect: 100-continue\r\n"


@pytest.mark.parametrize("length", [2, 20_000])
def test_who_waits_to_be_told_to_go_on_is_told_at_once(shared: Shared, length: int) -> None:
    body = b"{}" + b" " * (length - 2)
    with shared.connect() as conversation:
        told = conversation.say(create(shared, length, EXPECT)).hear()
        assert (told.status, told.fields) == (100, ())
        answer = conversation.say(body).hear()
        assert (answer.status, answer.code) == INVALID
        assert conversation.goes_on()


@pytest.mark.parametrize("spelt", [b"Expect: 100-Continue\r\n", b"expect:100-continue\r\n"])
def test_an_expectation_may_be_spelt_in_any_case(shared: Shared, spelt: bytes) -> None:
    with shared.connect() as conversation:
        assert conversation.say(create(shared, 2, spelt)).hear().status == 100


@pytest.mark.parametrize("method", ["length", "key", "chunks"])
def test_who_will_be_refused_is_not_told_to_go_on(shared: Shared, method: str) -> None:
    """Nor is its body waited for, or taken for a request."""
    said, expected = {
        "length": (create(shared, 70_000, EXPECT), TOO_LARGE),
        "key": (create(shared, 20_000, EXPECT, key=False), NO_KEY),
        "chunks": (CHUNKED + shared.authorization + EXPECT + b"\r\n", NO_LENGTH),
    }[method]
    with shared.connect() as conversation:
        hold(conversation, said, [expected], False)
    body = b"0\r\n\r\n" if method == "chunks" else b""
    with shared.connect() as conversation:
        hold(conversation, said + body + LIVE, [expected], False)


def test_http_1_0_is_never_told_to_go_on(shared: Shared) -> None:
    said = create(shared, 2, EXPECT).replace(b"HTTP/1.1", b"HTTP/1.0")
    with shared.connect() as conversation, shared.connect() as other:
        conversation.say(said)
        assert other.goes_on()
        hold(conversation, b"{}", [INVALID], False)


def test_a_body_that_has_come_already_needs_no_go_ahead(shared: Shared) -> None:
    with shared.connect() as conversation:
        hold(conversation, create(shared, 2, EXPECT) + b"{}", [INVALID], True)


@pytest.fixture(scope="session")
def addresses(shared: Shared) -> list[str]:
    """Every address that the document says can be read, filled in with what there is."""
    shared.make("/v1/identities", {"name": "ci", "kind": "machine"})
    shared.make("/v1/policies", {"name": "daily", "max_window_seconds": 3600})
    shared.make("/v1/signers", {"name": "release", "key": "p256", "common_name": "Strict"})
    shared.make("/v1/signers/release/members", {"identity": "ci", "role": "operator"})
    with shared.connect() as conversation:
        described = json.loads(conversation.say(get(b"/v1/openapi.json")).hear().body)
        said = b"GET /v1/operations HTTP/1.1\r\n" + HOST + shared.authorization + b"\r\n"
        row = json.loads(conversation.say(said).hear().body)["items"][0]["id"]
    named = {"/v1/operations/{operation_id}": row, "/v1/policies/{name}": "daily"}
    named |= {"/v1/identities/{name}": "ci"}
    return ["/v1/openapi.json"] + [
        re.sub(r"\{\w+\}", named.get(template, "release"), template)
        for template, methods in described["paths"].items()
        if "get" in methods
    ]


def test_head_is_answered_as_get_without_the_body(shared: Shared, addresses: list[str]) -> None:
    assert len(addresses) > 20
    found = set()
    with shared.connect() as conversation:
        for address in addresses:
            rest = b" %b HTTP/1.1\r\n" % address.encode() + HOST + shared.authorization + b"\r\n"
            head = conversation.say(b"HEAD" + rest).hear(without_body=True)
            body = conversation.say(b"GET" + rest).hear()
            assert _described(head) == _described(body), address
            found.add(body.status)
            assert (
                body.field("transfer-encoding")
                or address == "/metrics"
                or (head.field("content-length") == str(len(body.body)))
            )
        assert conversation.goes_on()
    assert 200 in found


def _described(answer: Answer) -> tuple[int, list[tuple[str, str]]]:
    """What is the same for any body of the resource, or for none: RFC 9110 §9.3.2."""
    changing = ("date", "x-request-id", "content-length", "transfer-encoding")
    return answer.status, [field for field in answer.fields if field[0] not in changing]


@pytest.mark.parametrize(
    ("target", "status"), [(b"/v1/x", 404), (b"/v1/whoami", 401), (b"/v1/health/live?x", 400)]
)
def test_a_refusal_of_head_has_a_length_and_no_body(
    shared: Shared, target: bytes, status: int
) -> None:
    with shared.connect() as conversation:
        said = get(target).replace(b"GET", b"HEAD")
        answer = conversation.say(said).hear(without_body=True)
        assert answer.status == status
        assert int(answer.field("content-length") or 0) > 100
        assert conversation.goes_on()


def test_what_has_not_changed_has_no_body_and_no_length(shared: Shared) -> None:
    said = b"GET /v1/catalogue HTTP/1.1\r\n" + HOST + shared.authorization
    with shared.connect() as conversation:
        tag = conversation.say(said + b"\r\n").hear().field("etag")
        assert tag is not None
        answer = conversation.say(said + b"If-None-Match: " + tag.encode() + b"\r\n\r\n").hear()
        assert (answer.status, answer.field("etag")) == (304, tag)
        assert answer.field("content-length") is None
        assert answer.field("transfer-encoding") is None
        assert conversation.goes_on()


def test_what_is_gone_has_no_body_and_no_length(shared: Shared) -> None:
    shared.make("/v1/policies", {"name": "gone", "max_window_seconds": 3600})
    said = b"DELETE /v1/policies/gone HTTP/1.1\r\n" + HOST + shared.authorization + b"\r\n"
    with shared.connect() as conversation:
        answer = conversation.say(said).hear()
        assert answer.status == 204
        assert answer.field("content-length") is None
        assert answer.field("transfer-encoding") is None
        assert conversation.goes_on()


def test_an_answer_without_a_length_is_in_chunks_or_ends_its_connection(shared: Shared) -> None:
    said = b"GET /v1/operations/export HTTP/1.1\r\n" + HOST + shared.authorization
    with shared.connect() as conversation:
        chunked = conversation.say(said + b"\r\n").hear()
        assert chunked.field("transfer-encoding") == "chunked"
        assert conversation.goes_on()
        said = said.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Connection: keep-alive\r\n\r\n"
        whole = conversation.say(said).hear()
        assert (whole.version, whole.field("transfer-encoding")) == ("HTTP/1.0", None)
        assert conversation.ends()
    assert whole.body.startswith(chunked.body)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_clients_that_leave_at_any_point_harm_nobody(shared: Shared, reset: bool) -> None:
    body = b'{"name": "gone", "kind": "nothing"}'
    whole = create(shared, len(body)) + body
    stages = [whole[:end] for end in range(0, len(whole), 16)]
    stages += [whole, whole * 20, create(shared, 20_000) + b" " * 17_000, LIVE * 200]
    stages += [b""] * 50
    for said in stages:
        with shared.connect() as conversation:
            conversation.say(said)
            if reset:
                linger = struct.pack("ii", 1, 0)
                conversation.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with shared.connect() as conversation:
        assert conversation.goes_on()
    lines = shared.server.log.read_text().splitlines()
    assert [line for line in lines if json.loads(line)["level"] == "error"] == []


@pytest.mark.parametrize("count", [1, 3])
def test_who_has_said_all_is_still_answered(shared: Shared, count: int) -> None:
    whoami = b"GET /v1/whoami HTTP/1.1\r\n" + HOST + shared.authorization + b"\r\n"
    with shared.connect() as conversation:
        conversation.say(whoami * count).say_no_more()
        assert [conversation.hear().status for _ in range(count)] == [200] * count
        assert conversation.ends()


@pytest.mark.parametrize("length", [100, 20_000])
def test_a_body_that_ends_early_is_no_call(shared: Shared, length: int) -> None:
    body = json.dumps({"name": f"short-{length}", "kind": "machine"}).encode()
    with shared.connect() as conversation:
        conversation.say(create(shared, length) + body).say_no_more()
        assert conversation.ends()
    said = b"GET /v1/identities/short-%d HTTP/1.1\r\n" % length + HOST + shared.authorization
    with shared.connect() as conversation:
        assert conversation.say(said + b"\r\n").hear().status == 404
    assert "internal_error" not in shared.server.log.read_text()  # nothing of ours broke


def test_octets_that_come_one_by_one_make_the_same_request(shared: Shared) -> None:
    body = b'{"name": 1}'
    with shared.connect() as conversation:
        conversation.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in create(shared, len(body)) + body:
            conversation.say(bytes([octet]))
        answer = conversation.hear()
        assert (answer.status, json.loads(answer.body)["field"]) == (400, "name")
        assert conversation.goes_on()
