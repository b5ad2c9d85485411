"""The rules by themselves: names, keys, who may sign, what fits, what is hidden."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.api.refusals import status_of
from controlplane.api.words import say_warning
from controlplane.domain import instant, permissions, warnings
from controlplane.domain.api_key import hash_api_key, new_api_key
from controlplane.domain.identifier import new_id
from controlplane.domain.mechanism import find_mismatch
from controlplane.domain.model import (
    Certificate,
    Client,
    HashAlgorithm,
    Identity,
    IdentityKind,
    KeyAlgorithm,
    MemberRole,
    Policy,
    PssParameters,
    Scheme,
    ServerRole,
    Signer,
    SignerStatus,
    Step,
    Terms,
)
from controlplane.domain.names import check_identity_name, check_signer_name
from controlplane.domain.redaction import clean, redact
from controlplane.domain.subject import Subject
from controlplane.errors import Refused
from tests.kinds import a_call_with, schemes_of
from tests.world import a_call

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SERIAL = "0a1b"


def an_identity(role: ServerRole | None = None) -> Identity:
    return Identity("i1", "ann", IdentityKind.USER, role, False, None, NOW)


def a_signer(
    status: SignerStatus = SignerStatus.ACTIVE,
    key: KeyAlgorithm = KeyAlgorithm.P256,
    end: datetime = NOW + timedelta(days=100),
) -> Signer:
    if status is SignerStatus.EXPIRED:
        end = NOW
    certificate = Certificate(SERIAL, "CN=x", "CN=y", NOW - timedelta(days=1), end, b"", ())
    return Signer(
        id="s1",
        number=1,
        name="release",
        key=key,
        common_name="x",
        external=False,
        disabled=status is SignerStatus.DISABLED,
        public_key=b"",
        certificate=None if status is SignerStatus.PENDING else certificate,
        policy=None,
        created_at=NOW,
    )


class TestNames:
    @pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 32, "1-2-3"])
    def test_signer_names(self, name: str) -> None:
        check_signer_name(name)

    @pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a" * 33, "a_b", "ä", "a\n", "a b"])
    def test_no_signer_names(self, name: str) -> None:
        with pytest.raises(Refused) as refused:
            check_signer_name(name)
        assert (status_of(refused.value.code), refused.value.field) == (400, "name")

    @pytest.mark.parametrize("name", ["a", "Ann@acme.org", "x" * 64, "a._+-@"])
    def test_identity_names(self, name: str) -> None:
        check_identity_name(name)

    @pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "é", "a\n"])
    def test_no_identity_names(self, name: str) -> None:
        with pytest.raises(Refused):
            check_identity_name(name)

    @pytest.mark.parametrize("name", ["", " a", "a" * 65, "a\u202eb", "a\0"])
    def test_no_common_names(self, name: str) -> None:
        with pytest.raises(Refused):
            Subject(name).check()

    @pytest.mark.parametrize(
        ("field", "most"),
        [("common_name", 64), ("organization", 64), ("unit", 64), ("locality", 128)],
    )
    def test_subjects_within_the_bounds_of_rfc_5280(self, field: str, most: int) -> None:
        def subject(text: str) -> Subject:
            return replace(Subject("x", country="DE"), **{field: text})

        subject("x" * most).check()
        for bad in ("", " x", "x\ny", "x" * (most + 1)):
            with pytest.raises(Refused) as refused:
                subject(bad).check()
            assert refused.value.field == field

    @pytest.mark.parametrize("country", ["", "D", "de", "DEU", "D1", "Ä\u00c4"])
    def test_no_countries(self, country: str) -> None:
        with pytest.raises(Refused) as refused:
            Subject("x", country=country).check()
        assert refused.value.field == "country"


class TestApiKeys:
    def test_have_their_prefix_and_43_letters_or_digits(self) -> None:
        key = new_api_key()
        assert key.startswith("swk_")
        assert len(key) == 47
        assert key[4:].isalnum()
        assert key.isascii()

    def test_hash_to_32_bytes(self) -> None:
        digest = hash_api_key(new_api_key())
        assert digest is not None
        assert len(digest) == 32

    @pytest.mark.parametrize("text", ["", "swk_", "x" * 47, "swk_" + "a" * 42 + "!", "swk_é" * 9])
    def test_nothing_else_has_a_hash(self, text: str) -> None:
        assert hash_api_key(text) is None


def test_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    ids = [UUID(new_id()) for _ in range(100)]
    assert {each.version for each in ids} == {7}
    assert {each.variant for each in ids} == {"specified in RFC 4122"}
    times = [each.int >> 80 for each in ids]
    assert times == sorted(times)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_survive_as_text_that_sorts(time: datetime) -> None:
    text = instant.to_text(time)
    assert instant.from_text(text) == time
    assert len(text) == 27


class TestPermissions:
    @pytest.mark.parametrize("server_role", [None, *ServerRole])
    @pytest.mark.parametrize("role", [None, *MemberRole])
    def test_who_sees_and_who_manages_a_signer(
        self, server_role: ServerRole | None, role: MemberRole | None
    ) -> None:
        who = an_identity(server_role)
        sees = server_role is not None or role is not None
        manages = server_role is ServerRole.ADMIN or role is MemberRole.ADMINISTRATOR
        assert permissions.may_see_signer(who, role, None) == sees
        assert permissions.may_manage_signer(who, role) == manages

    def test_a_certificate_is_valid_until_its_end_and_no_longer(self) -> None:
        signer = a_signer(end=NOW)
        assert signer.status(NOW - timedelta(microseconds=1)) is SignerStatus.ACTIVE
        assert signer.status(NOW) is SignerStatus.EXPIRED

    def test_whom_a_policy_names_sees_the_signers_that_have_it(self) -> None:
        policy = Policy("p1", "two", Terms(60, None, (Step("lead", 1, ("ann",)),)), NOW)
        ann, bob = an_identity(), replace(an_identity(), name="bob")
        assert permissions.may_see_signer(ann, None, policy)
        assert not permissions.may_see_signer(bob, None, policy)
        assert not permissions.may_manage_signer(ann, None)

    def test_people_see_themselves_and_their_machines(self) -> None:
        ann = an_identity()
        machine = replace(ann, id="m", name="ci", kind=IdentityKind.MACHINE, owner="ann")
        stranger = replace(ann, id="b", name="bob")
        assert permissions.may_see_identity(ann, ann)
        assert permissions.may_see_identity(ann, machine)
        assert not permissions.may_see_identity(ann, stranger)
        assert not permissions.may_see_identity(machine, ann)


class TestMechanism:
    @pytest.mark.parametrize("key", list(KeyAlgorithm))
    @pytest.mark.parametrize("scheme", list(Scheme))
    def test_a_key_signs_with_the_schemes_of_its_kind(
        self, key: KeyAlgorithm, scheme: Scheme
    ) -> None:
        found = find_mismatch(key, a_call_with(scheme))
        assert (found is None) == (scheme in schemes_of(key))
        assert found is None or found.code == "scheme_key_mismatch"

    @pytest.mark.parametrize(("salt", "fits"), [(0, True), (350, True), (351, False), (-1, False)])
    def test_a_salt_fits_into_the_modulus(self, salt: int, fits: bool) -> None:
        pss = PssParameters(HashAlgorithm.SHA256, salt)
        found = find_mismatch(KeyAlgorithm.RSA_3072, a_call(scheme=Scheme("rsa-pss"), pss=pss))
        assert (found is None) == fits
        assert found is None or found.field == "pss.salt_length"

    @pytest.mark.parametrize(("octets", "fits"), [(0, True), (245, True), (246, False)])
    def test_raw_rsa_leaves_room_for_the_padding(self, octets: int, fits: bool) -> None:
        call = a_call(scheme=Scheme("rsa-pkcs1v15"), hash=HashAlgorithm.NONE, digest=b"x" * octets)
        assert (find_mismatch(KeyAlgorithm.RSA_2048, call) is None) == fits

    @pytest.mark.parametrize(("octets", "fits"), [(0, False), (1, True), (64, True), (65, False)])
    def test_ecdsa_takes_digests_of_1_to_64_octets(self, octets: int, fits: bool) -> None:
        call = a_call(hash=HashAlgorithm.NONE, digest=b"x" * octets)
        assert (find_mismatch(KeyAlgorithm.P256, call) is None) == fits

    @pytest.mark.parametrize("hash_", [HashAlgorithm.SHA384, HashAlgorithm.SHA512])
    def test_a_digest_has_the_length_of_its_hash(self, hash_: HashAlgorithm) -> None:
        found = find_mismatch(KeyAlgorithm.P256, a_call(hash=hash_))
        assert found is not None
        assert found.field == "digest"


WITHOUT_PASSWORD = [
    "http://host/path@x",
    "http://host/a:b@c",
    "http://host:8080/a@b",
    "http://host:8080/a:b@c",
    "http://u@host",
    "http://u:@host",
    "ssh://git@example.org:22/signed@v1",
    "docker://registry:5000/image:tag@sha256:00",
    "file:///C:/a@b",
    "http://host:8080/",
]


class TestRedaction:
    @pytest.mark.parametrize(
        "text",
        [
            "jarsigner -storepass hunter2 a.jar",
            "jarsigner -keypass hunter2",
            "jarsigner -STOREPASS:env hunter2",
            "pkcs11-tool --pin hunter2 --sign",
            "pkcs11-tool --pin=hunter2",
            "pkcs11-tool -p hunter2",
            "signtool /p hunter2",
            'tool --password "hunter2 hunter2" x',
            "tool --password 'hunter2 hunter2' x",
            "PASSWORD=hunter2 make",
            "openssl -passin pass:hunter2",
            "openssl dgst -sign 'pkcs11:token=a;pin-value=hunter2;object=b'",
            "curl -H 'Bearer swk_hunter2'",
            "echo swe_hunter2 | sealwright enrol",
            "curl -H 'Bearer swt_hunter2'",
            "tool --api-key hunter2",
            '"jarsigner" "-keypass" "hunter2" "a.jar"',
            "jarsigner '-keypass' 'hunter2 hunter2' a.jar",
            "pkcs11-tool -P hunter2",
            "'tool' '-P' 'hunter2'",
            "tool --token hunter2",
            "tool --token=hunter2",
            "tool --access-token hunter2",
            "tool --password:hunter2",
            "curl https://builder:hunter2@example.org/",
            "sh -c 'jarsigner -storepass hunter2 a.jar'",
            "it's jarsigner -storepass hunter2",
            "the password = hunter2",
            "-storepass:env hunter2",
            "tool --pin\nhunter2",
            "tool '--pin=hunter2 hunter2' --sign",
        ],
    )
    def test_secrets_go(self, text: str) -> None:
        assert "hunter2" not in redact(text)

    @pytest.mark.parametrize(
        "text",
        [
            "jarsigner -keystore NONE -storetype PKCS11 -sigalg SHA256withRSA app.jar release",
            "pkcs11-tool --sign --id 01 --label release -i in -o out",
            "openssl dgst -sha256 -engine pkcs11 -sign 'pkcs11:token=release'",
            "osslsigncode sign -key 'pkcs11:token=release;pin-value=' app.bin",
            "osslsigncode sign -key pkcs11:token=release;pin-value= app.bin",
            "pkcs11-tool --token-label release --init-token --slot 0",
            "git clone ssh://git@example.org:22/signed",
            "it's for the release, don't wait",
            r"signtool.exe C:\path\pin.exe",
        ],
    )
    def test_the_rest_stays(self, text: str) -> None:
        assert redact(text) == text

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("http://u:hunter2@host/x", "http://u:[redacted]@host/x"),
            ("http://u:hun@ter2@host/x", "http://u:[redacted]@host/x"),
            ("http://u:hun/ter2@host/x", "http://u:[redacted]@host/x"),
            ("http://u:/hunter2@host", "http://u:[redacted]@host"),
            ("http://u:hun:ter2@host", "http://u:[redacted]@host"),
            ("http://u:8080@host", "http://u:[redacted]@host"),
            ("http://u:123456/7@host", "http://u:[redacted]@host"),
            ("http://:hunter2@host", "http://:[redacted]@host"),
            ("http://u@example.org:hunter2@host", "http://u@example.org:[redacted]@host"),
            ("http://u:hunter2@host:80/a@b", "http://u:[redacted]@b"),
            ("jdbc:oracle://u:hunter2@host:1/x", "jdbc:oracle://u:[redacted]@host:1/x"),
            ("http://a:1@x,http://b:2@y", "http://a:[redacted]@y"),
            ("http://a:80/,http://b:2@y", "http://a:80/,http://b:[redacted]@y"),
            *((each, each) for each in WITHOUT_PASSWORD),
        ],
    )
    def test_of_a_url_the_password_goes(self, url: str, shown: str) -> None:
        assert redact(f'curl --proxy "{url}" user@host') == f'curl --proxy "{shown}" user@host'
        assert redact(f"curl {url}") == f"curl {shown}"
        assert redact(f"sh -c 'curl {url} x@y'") == f"sh -c 'curl {shown} x@y'"

    @pytest.mark.parametrize("quoted", ['"http://u:it\'s@host"', r"'http://u:it'\''s@host'"])
    def test_a_quote_in_a_password_is_part_of_it(self, quoted: str) -> None:
        shown = quoted[0] + "http://u:[redacted]@host" + quoted[0]
        assert redact(f"curl {quoted} x") == f"curl {shown} x"

    @given(st.from_regex(r"""[^\s'"\\]{0,20}""", fullmatch=True))
    def test_nothing_of_a_password_stays_whatever_surrounds_it(self, around: str) -> None:
        assert "hunter2" not in redact(f"curl http://u:x{around}hunter2{around}@host/")

    @given(st.text(), st.from_regex(r"sw[ket]_[A-Za-z0-9]{43}", fullmatch=True), st.text())
    def test_no_secret_of_ours_stays_whatever_surrounds_it(
        self, left: str, key: str, right: str
    ) -> None:
        assert key not in redact(left + key + right)

    def test_lengths_are_capped_after_redaction(self) -> None:
        cleaned = clean(Client(command="x" * 5000, hostname="h" * 300, tool="jarsigner"))
        assert cleaned.command is not None
        assert cleaned.hostname is not None
        assert len(cleaned.command) == 1024
        assert cleaned.command.endswith("x…")
        assert len(cleaned.hostname) == 255
        assert cleaned.tool == "jarsigner"
        assert cleaned.os_user is None

    def test_what_cannot_be_stored_shows_as_such(self) -> None:
        assert redact("a\ud800b\0") == "a\ufffdb\ufffd"


def warnings_of(signer: Signer, now: datetime) -> tuple[str, ...]:
    return tuple(map(say_warning, warnings.warnings_of(signer, now)))


class TestWarnings:
    @pytest.mark.parametrize(
        ("left", "says"),
        [
            (timedelta(days=30, microseconds=1), None),
            (timedelta(days=30), "The certificate expires in 30 days, on 2026-05-31: renew it."),
            (timedelta(days=1), "The certificate expires in 1 day, on 2026-05-02: renew it."),
            (timedelta(hours=1), "The certificate expires today: renew it."),
            (timedelta(0), "The certificate expired on 2026-05-01: renew it."),
        ],
    )
    def test_of_a_certificate_that_ends(self, left: timedelta, says: str | None) -> None:
        expected = () if says is None else (says,)
        assert warnings_of(a_signer(end=NOW + left), NOW) == expected

    @pytest.mark.parametrize("key", list(KeyAlgorithm))
    def test_of_a_key_that_is_short(self, key: KeyAlgorithm) -> None:
        assert len(warnings_of(a_signer(key=key), NOW)) == (key is KeyAlgorithm.RSA_2048)

    @pytest.mark.parametrize("hash_", [each for each in HashAlgorithm if each.octets])
    @pytest.mark.parametrize("key", list(KeyAlgorithm))
    def test_of_a_policy_that_allows_nothing_that_the_key_can_do(
        self, key: KeyAlgorithm, hash_: HashAlgorithm
    ) -> None:
        policy = Policy("p1", "listed", Terms(3600, 5, (), hashes=(hash_,)), NOW)
        bare = a_signer(key=key)
        more = warnings_of(replace(bare, policy=policy), NOW)[len(warnings_of(bare, NOW)) :]
        signs_with_it = key.kind.message_hash in (None, hash_)
        assert [each for each in more if "'listed'" in each] == list(more)
        assert len(more) == (not signs_with_it)


def test_no_rule_knows_the_command_line() -> None:
    """Who shows a fact to people knows what they can type."""
    rules = [*Path(permissions.__file__).parent.glob("*.py")]
    assert rules
    assert [each.name for each in rules if "sealwright " in each.read_text()] == []
