"""Timestamps as RFC 3161 has them: what a token says, what is refused and how, what is recorded."""

import hashlib
import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from controlplane.domain.instant import to_text
from controlplane.domain.settings import TIMESTAMP_FROM, TIMESTAMP_POLICY
from controlplane.service.installation import Services, initialise, open_services
from controlplane.service.location import Location
from controlplane.service.timestamping import UNIT_DAYS
from controlplane.store.tables import TimestampingRow
from controlplane.timestamps import der
from controlplane.timestamps.request import RejectedError, parse
from tests.controlplane.conftest import Api, Installation
from tests.world import SetClock, by_hand

QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
DIGEST = hashlib.sha256(b"release.jar").digest()
POLICY = TIMESTAMP_POLICY.default
OTHER_POLICY = "1.2.3.4"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Of which nothing is changed."""
    location = Location(tmp_path_factory.mktemp("timestamps") / "data")
    key = initialise(location).api_key
    with open_services(location) as opened:
        yield Api(opened, key)


class StatusInfo(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields: ClassVar = [
        ("status", tsp.PKIStatus),
        ("status_string", tsp.PKIFreeText, {"optional": True}),
        ("fail_info", tsp.PKIFailureInfo, {"optional": True}),
    ]


class Response(core.Sequence):  # type: ignore[misc]  # the same
    """asn1crypto's own has a token always."""

    _fields: ClassVar = [("status", StatusInfo), ("token", cms.ContentInfo, {"optional": True})]


def a_request(**different: Any) -> bytes:
    fields: dict[str, Any] = {
        "version": "v1",
        "message_imprint": an_imprint("sha256", DIGEST),
        "nonce": 0x1234567890ABCDEF,
        "cert_req": True,
    }
    return bytes(
        tsp.TimeStampReq(
            {name: value for name, value in (fields | different).items() if value is not None}
        ).dump()
    )


def an_imprint(name: str, digest: bytes, **parameters: Any) -> dict[str, Any]:
    return {"hash_algorithm": {"algorithm": name} | parameters, "hashed_message": digest}


def _bent(place: int, octets: bytes) -> bytes:
    whole = a_request()
    return whole[:place] + octets + whole[place + len(octets) :]


def _by_hand(imprint: bytes, *fields: bytes) -> bytes:
    return der.sequence(b"\x02\x01\x01", imprint, *fields)


_SHA256 = der.object_identifier("2.16.840.1.101.3.4.2.1")
_ALGORITHM = der.sequence(_SHA256)
_DIGEST = der.octets(DIGEST)
_IMPRINT = der.sequence(_ALGORITHM, _DIGEST)
_HALVES = der.octets(DIGEST[:16]) + der.octets(DIGEST[16:])
NOT_DER = {
    "imprint of three fields": _by_hand(der.sequence(_ALGORITHM, _DIGEST, der.octets(b"more"))),
    "hash of two parameters": _by_hand(der.sequence(der.sequence(_SHA256, der.NULL * 2), _DIGEST)),
    "NULL with content": _by_hand(der.sequence(der.sequence(_SHA256, b"\x05\x03abc"), _DIGEST)),
    "parameters that are no NULL": _by_hand(
        der.sequence(der.sequence(_SHA256, der.octets(b"more")), _DIGEST)
    ),
    "imprint of no stated length": _by_hand(b"\x30\x80" + _ALGORITHM + _DIGEST + b"\0\0"),
    "digest in pieces": _by_hand(der.sequence(_ALGORITHM, der.element(0x24, _HALVES))),
    "nonce of no octets": _by_hand(_IMPRINT, b"\x02\x00"),
    "nonce with zeros before it": _by_hand(_IMPRINT, b"\x02\x04\0\0\0\x01"),
    "nonce with ones before it": _by_hand(_IMPRINT, b"\x02\x02\xff\xff"),
    "TRUE that is not all ones": _by_hand(_IMPRINT, b"\x01\x01\x01"),
    "TRUE of two octets": _by_hand(_IMPRINT, b"\x01\x02\xff\xff"),
    "FALSE, the default": _by_hand(_IMPRINT, b"\x01\x01\x00"),
    "a field more": _by_hand(_IMPRINT, der.octets(b"more")),
    "fields in another order": _by_hand(_IMPRINT, der.TRUE, der.integer(5)),
    "policy of no octets": _by_hand(_IMPRINT, b"\x06\x00"),
    "policy with zeros before it": _by_hand(_IMPRINT, b"\x06\x03\x2a\x80\x03"),
    "version with zeros before it": der.sequence(b"\x02\x02\x00\x01", _IMPRINT),
    "longer length than is needed": b"\x30\x81" + _by_hand(_IMPRINT)[1:],
}


def ask(api: Api, content: bytes, **more: Any) -> Any:
    more.setdefault("key", "admin")
    return api.post("/v1/timestamp", content=content, headers={"Content-Type": QUERY}, **more)


def stranger(api: Api, address: str) -> Any:
    return ask(api, a_request(), key=None, remote_addr=address)


def answered(api: Api, content: bytes, **more: Any) -> Any:
    answer = ask(api, content, **more)
    assert (answer.status_code, answer.headers["content-type"]) == (200, REPLY), answer.text
    return Response.load(answer.content, strict=True)


def signed(api: Api, content: bytes | None = None, **more: Any) -> Any:
    """The SignedData of a token."""
    reply = answered(api, a_request() if content is None else content, **more)
    assert reply["status"]["status"].native == "granted"
    return reply["token"]["content"]


def told(data: Any) -> Any:
    return data["encap_content_info"]["content"].native


def rejected(api: Api, content: bytes, **more: Any) -> str:
    reply = answered(api, content, **more)
    assert reply["status"]["status"].native == "rejection"
    assert isinstance(reply["token"], core.Void)
    assert reply["status"]["status_string"].native[0].endswith(".")
    (failure,) = reply["status"]["fail_info"].native
    return str(failure)


def certificates(data: Any) -> list[x509.Certificate]:
    """The one that signed first, as `chain` in the answer may have them in any order."""
    found = [x509.load_der_x509_certificate(each.chosen.dump()) for each in data["certificates"]]
    return sorted(found, key=lambda each: each.not_valid_after_utc)


def made_units(api: Api) -> list[dict[str, Any]]:
    return [row for row in rows(api, "change") if row["action"] == "timestamping:renew"]


def rows(api: Api, kind: str = "timestamp") -> list[dict[str, Any]]:
    return api.rows(kind=kind)


class TestAToken:
    def test_says_what_was_asked_and_when(self, shared: Api) -> None:
        before = datetime.now(UTC)
        said = told(signed(shared))
        assert said["version"] == "v1"
        assert said["message_imprint"]["hash_algorithm"]["algorithm"] == "sha256"
        assert said["message_imprint"]["hashed_message"] == DIGEST
        assert said["nonce"] == 0x1234567890ABCDEF
        assert said["policy"] == POLICY
        assert said["accuracy"]["seconds"] == 1
        assert said["ordering"] is False
        assert before - timedelta(seconds=1) <= said["gen_time"] <= datetime.now(UTC)

    def test_repeats_the_imprint_as_it_came(self, shared: Api) -> None:
        """RFC 3161 §2.4.2: the same value; with parameters of NULL, or with none."""
        for parameters in ({}, {"parameters": core.Null()}):
            imprint = tsp.MessageImprint(an_imprint("sha256", DIGEST, **parameters))
            data = signed(shared, a_request(message_imprint=imprint))
            parsed = data["encap_content_info"]["content"].parsed
            assert parsed["message_imprint"].dump() == imprint.dump()

    @pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
    def test_is_of_any_sha_2(self, shared: Api, name: str) -> None:
        digest = hashlib.new(name, b"release.jar").digest()
        said = told(signed(shared, a_request(message_imprint=an_imprint(name, digest))))
        assert said["message_imprint"]["hash_algorithm"]["algorithm"] == name

    def test_has_no_nonce_where_none_was_sent_and_any_that_was(self, shared: Api) -> None:
        for nonce in (None, 0, -1, -128, -129, 2**160 - 1, -(2**64), -(2**63)):
            assert told(signed(shared, a_request(nonce=nonce)))["nonce"] == nonce

    def test_has_a_serial_number_that_nobody_can_guess(self, shared: Api) -> None:
        serials = {told(signed(shared))["serial_number"] for _ in range(5)}
        assert len(serials) == 5
        assert all(2**126 <= each < 2**127 for each in serials)

    def test_is_signed_by_a_certificate_for_timestamps_alone(self, shared: Api) -> None:
        data = signed(shared)
        leaf, authority = certificates(data)
        (signer,) = data["signer_infos"]
        attributes = {each["type"].native: each["values"] for each in signer["signed_attrs"]}
        assert list(attributes) == ["content_type", "message_digest", "signing_certificate_v2"]
        (named,) = attributes["signing_certificate_v2"][0]["certs"]
        assert named["cert_hash"].native == hashlib.sha256(leaf.public_bytes(Encoding.DER)).digest()
        assert named["issuer_serial"]["serial_number"].native == leaf.serial_number
        assert b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" not in named.dump()  # SHA-256 is left out
        info = data["encap_content_info"]["content"].contents
        assert attributes["message_digest"].native == [hashlib.sha256(info).digest()]
        key = leaf.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        was_signed = signer["signed_attrs"].untag().dump()
        key.verify(signer["signature"].native, was_signed, ec.ECDSA(SHA256()))
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert (usage.critical, list(usage.value)) == (True, [ExtendedKeyUsageOID.TIME_STAMPING])
        above = authority.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        assert list(above.value) == [ExtendedKeyUsageOID.TIME_STAMPING]

    def test_has_the_chain_up_to_the_root_of_the_signers_where_it_was_asked_for(
        self, shared: Api
    ) -> None:
        leaf, authority = certificates(signed(shared))
        pem = shared.get("/v1/ca/certificate").json["chain"]
        root = x509.load_pem_x509_certificates(pem.encode())[-1]
        leaf.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(root)
        assert isinstance(signed(shared, a_request(cert_req=None))["certificates"], core.Void)

    def test_verifies_ten_years_after_the_last_day_of_its_key(self, shared: Api) -> None:
        leaf, authority = certificates(signed(shared))
        last = datetime.now(UTC) + timedelta(days=UNIT_DAYS + 3652)
        assert leaf.not_valid_after_utc >= last
        assert authority.not_valid_after_utc >= last
        longest = leaf.not_valid_before_utc.replace(year=leaf.not_valid_before_utc.year + 11)
        assert leaf.not_valid_after_utc <= longest + timedelta(days=89)  # 135 months

    def test_is_of_the_policy_that_is_set(self, api: Api) -> None:
        api.call("PUT", "/v1/settings/timestamp-policy", {"value": OTHER_POLICY})
        for asked in (None, OTHER_POLICY):
            assert told(signed(api, a_request(req_policy=asked)))["policy"] == OTHER_POLICY
        assert rejected(api, a_request(req_policy=POLICY)) == "unaccepted_policy"


class TestARejection:
    """HTTP 200, and PKIFailureInfo (RFC 3161 §2.4.2)."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"garbage",
            b"\x30\x80\x00\x00",
            a_request()[:-1],
            a_request() + b"\0",
            b"\x30\x03\x02\x01\x01",
            a_request(message_imprint=an_imprint("sha256", DIGEST[:-1])),
            a_request(message_imprint=an_imprint("sha512", DIGEST)),
            b"\x30" * 2000,
            a_request(cert_req=None).replace(b"\x05\x00", b"\x04\x00"),  # parameters of the hash
        ],
    )
    def test_of_what_is_no_request(self, shared: Api, content: bytes) -> None:
        assert rejected(shared, content) == "bad_data_format"

    @pytest.mark.parametrize("bent", NOT_DER)
    def test_of_what_is_a_request_in_part_or_not_in_der(self, shared: Api, bent: str) -> None:
        """Or strangers would choose what we sign, and get tokens that nobody reads."""
        assert rejected(shared, NOT_DER[bent]) == "bad_data_format"

    def test_of_a_nonce_of_more_than_anybody_needs(self, shared: Api) -> None:
        for nonce in (2**160, -(2**160) - 1, 2**1000):
            assert rejected(shared, a_request(nonce=nonce)) == "bad_data_format"

    def test_of_another_version(self, shared: Api) -> None:
        assert rejected(shared, a_request(version=2)) == "bad_request"

    @pytest.mark.parametrize(
        "imprint",
        [
            an_imprint("sha1", b"\0" * 20),
            an_imprint("md5", b"\0" * 16),
            an_imprint("sha224", b"\0" * 28),
            an_imprint("1.2.3.4.5", DIGEST),
        ],
    )
    def test_of_other_hashes(self, shared: Api, imprint: dict[str, Any]) -> None:
        assert rejected(shared, a_request(message_imprint=imprint)) == "bad_alg"

    def test_of_another_policy(self, shared: Api) -> None:
        assert rejected(shared, a_request(req_policy=OTHER_POLICY)) == "unaccepted_policy"

    @pytest.mark.parametrize("critical", [True, False])
    def test_of_any_extension(self, shared: Api, critical: bool) -> None:
        extension = {"extn_id": "1.2.3", "critical": critical, "extn_value": b"\x05\0"}
        assert rejected(shared, a_request(extensions=[extension])) == "unaccepted_extensions"

    def test_of_a_server_whose_clock_stands_behind_its_log(self, api: Api, clock: SetClock) -> None:
        signed(api)
        clock.advance(seconds=-3)
        assert rejected(api, a_request()) == "time_not_available"
        clock.advance(seconds=3)
        signed(api)

    def test_of_a_key_that_does_not_open(
        self, installation: Installation, services: Services, api: Api
    ) -> None:
        signed(api)
        services.close()
        with by_hand(installation.location) as database:
            is_unit = TimestampingRow.role == "unit"
            TimestampingRow.update(handle=b"bent").where(is_unit).execute(database)
        with open_services(installation.location) as again:
            assert rejected(Api(again, installation.admin_key), a_request()) == "system_failure"

    def test_leaves_no_row(self, api: Api) -> None:
        rejected(api, b"garbage")
        assert rows(api) == []

    @given(st.binary(max_size=200) | st.builds(_bent, st.integers(0, 90), st.binary(max_size=3)))
    def test_is_all_that_comes_of_any_octets(self, content: bytes) -> None:
        with suppress(RejectedError):
            assert parse(content).encode() == content


class TestWhatHttpRefuses:
    def test_another_media_type(self, shared: Api) -> None:
        answer = shared.send("/v1/timestamp", a_request())
        assert (answer.status_code, answer.json["field"]) == (415, "Content-Type")
        assert QUERY in answer.json["title"]

    def test_more_than_any_request_has(self, shared: Api) -> None:
        answer = ask(shared, b"\x30" * 5000)
        assert (answer.status_code, answer.json["code"]) == (413, "payload_too_large")

    def test_a_key_that_nobody_has(self, shared: Api) -> None:
        assert ask(shared, a_request(), key="swk_" + "a" * 43).status_code == 401


class TestTheRow:
    def test_of_a_strangers_names_the_token(self, api: Api) -> None:
        data = signed(api, key=None)
        (row,) = rows(api)
        (leaf, _), said = certificates(data), told(data)
        assert (row["kind"], row["outcome"], row["actor"]) == ("timestamp", "succeeded", None)
        assert (row["hash"], row["certificate_serial"]) == ("sha256", f"{leaf.serial_number:x}")
        assert row["object"] == f"{said['serial_number']:x}"
        at = to_text(said["gen_time"])
        assert row["details"] == {"policy": POLICY, "at": at}
        assert row["client"]["address"] == "127.0.0.1"
        assert row["signer"] is row["signature"] is row["scheme"] is None

    def test_of_a_known_callers_says_who_it_was(self, api: Api) -> None:
        signed(api, key=api.machine("builder"))
        (row,) = rows(api)
        assert (row["actor"], row["credential"]["kind"]) == ("builder", "api_key")

    def test_of_each_unit_comes_before_its_first_token(self, api: Api) -> None:
        leaf, authority = certificates(signed(api))
        newest, before = api.rows(limit=2)
        assert (newest["kind"], before["action"]) == ("timestamp", "timestamping:renew")
        details = before["details"]
        assert details["certificate_serial"] == f"{leaf.serial_number:x}"
        assert details["authority_serial"] == f"{authority.serial_number:x}"
        assert details["destroyed"] is None


class TestAKey:
    def test_signs_fifteen_months_and_is_destroyed(
        self, installation: Installation, api: Api, clock: SetClock
    ) -> None:
        first, authority = certificates(signed(api))
        clock.advance(days=UNIT_DAYS - 1)
        assert certificates(signed(api)) == [first, authority]
        clock.advance(days=1)
        second, same = certificates(signed(api))
        assert (second != first, same) == (True, authority)
        assert second.public_key() != first.public_key()
        renewed, made = made_units(api)
        assert renewed["details"]["destroyed"] == made["object"]
        store = installation.location.store()
        with store.closing(), store.read() as database:
            units = TimestampingRow.select().where(TimestampingRow.role == "unit")
            kept = [each.id for each in units.execute(database) if each.handle is not None]
        assert kept == [renewed["object"]]

    def test_is_destroyed_by_the_background_work_where_nobody_asks(
        self, services: Services, api: Api, clock: SetClock
    ) -> None:
        services.timestamps.renew_due()
        assert made_units(api) == []  # as long as nobody wants any
        signed(api)
        clock.advance(days=UNIT_DAYS)
        for _ in range(2):
            services.timestamps.renew_due()
        renewed, made = made_units(api)
        assert renewed["details"]["destroyed"] == made["object"]


class TestStrangers:
    def test_share_sixty_a_minute(self, api: Api, clock: SetClock) -> None:
        clock.freeze()
        for number in range(60):
            assert stranger(api, f"192.0.2.{number}").status_code == 200
        refused = stranger(api, "192.0.2.99")
        assert (refused.status_code, refused.json["code"]) == (429, "too_many_calls")
        assert refused.headers["retry-after"] == "1"
        assert ask(api, a_request(), key=api.machine("builder")).status_code == 200
        clock.advance(seconds=1)
        assert stranger(api, "192.0.2.99").status_code == 200

    @pytest.mark.parametrize(
        "junk", [b"junk", a_request(req_policy=OTHER_POLICY), a_request(version=2)]
    )
    def test_use_up_nothing_of_the_others_with_what_gets_none(
        self, api: Api, clock: SetClock, junk: bytes
    ) -> None:
        clock.freeze()
        for number in range(70):
            rejected(api, junk, key=None, remote_addr=f"192.0.2.{number}")
        for number in range(60):
            assert stranger(api, f"198.51.100.{number}").status_code == 200

    @pytest.mark.parametrize("content", [b"junk", a_request()])
    def test_are_bounded_by_where_they_are_too(
        self, api: Api, clock: SetClock, content: bytes
    ) -> None:
        clock.freeze()

        def call(address: str) -> int:
            return int(ask(api, content, key=None, remote_addr=address).status_code)

        assert [call("192.0.2.1") for _ in range(60)] == [200] * 60
        refused = ask(api, content, key=None, remote_addr="192.0.2.1")
        assert (refused.status_code, refused.json["code"]) == (429, "too_many_calls")
        assert "from one address" in refused.json["title"]
        assert refused.headers["retry-after"] == "2"
        clock.advance(seconds=2)
        assert [call("192.0.2.1") for _ in range(2)] == [200, 429]

    def test_leave_some_to_others_however_long_one_of_them_asks(
        self, api: Api, clock: SetClock
    ) -> None:
        clock.freeze()
        for _ in range(60):
            stranger(api, "192.0.2.1")
        for _ in range(30):
            clock.advance(seconds=2)
            for _ in range(3):
                stranger(api, "192.0.2.1")
            assert stranger(api, "198.51.100.1").status_code == 200

    def test_are_in_one_place_with_all_ipv6_addresses_of_a_link(
        self, api: Api, clock: SetClock
    ) -> None:
        clock.freeze()
        for number in range(60):
            rejected(api, b"junk", key=None, remote_addr=f"2001:db8::{number}:1")
        assert ask(api, b"junk", key=None, remote_addr="2001:db8::99:1").status_code == 429
        rejected(api, b"junk", key=None, remote_addr="2001:db8:0:1::1")

    def test_come_from_where_it_is_allowed(self, api: Api, clock: SetClock) -> None:
        clock.freeze()
        set_ = {"value": "192.0.2.0/24,2001:db8::/32"}
        assert api.call("PUT", "/v1/settings/timestamp-from", set_).status_code == 200
        for _ in range(70):  # who get nothing use up nothing of the others'
            refused = stranger(api, "198.51.100.1")
            assert (refused.status_code, refused.json["code"]) == (403, "address_not_allowed")
        for address in ("192.0.2.7", "2001:db8::1"):
            assert stranger(api, address).status_code == 200
        known = ask(api, a_request(), key=api.machine("builder"), remote_addr="198.51.100.1")
        assert known.status_code == 200
        api.call("PUT", "/v1/settings/timestamp-from", {"value": "none"})
        assert stranger(api, "192.0.2.7").status_code == 403


@pytest.mark.parametrize("text", ["", "any,none", "192.0.2.0/24,", "192.0.2.1/24", "everybody"])
def test_networks_that_are_none_are_refused(shared: Api, text: str) -> None:
    refused = shared.call("PUT", "/v1/settings/timestamp-from", {"value": text})
    assert (refused.status_code, refused.json["field"]) == (400, "value")


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40", "1.2.03", "1.2.", "1.2.3 ", "a.b"])
def test_a_policy_that_is_no_oid_is_refused(shared: Api, text: str) -> None:
    refused = shared.call("PUT", "/v1/settings/timestamp-policy", {"value": text})
    assert (refused.status_code, refused.json["field"]) == (400, "value")


def test_what_the_settings_stand_for() -> None:
    assert TIMESTAMP_FROM.read("any").networks is None
    assert TIMESTAMP_FROM.read("none").networks == ()
    networks = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::1"))
    assert TIMESTAMP_FROM.read("192.0.2.0/24, 2001:db8::1").networks == networks
    assert TIMESTAMP_POLICY.read("2.25.329800735698586629295641978511506172918")
