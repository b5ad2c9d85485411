"""docs/ci/sign: what a pipeline signs verifies, what it needs to know it says, and the key stays
where it is."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from sealwright.client.objects import PolicyStep, PolicyTerms
from tests.cli.conftest import Run, ask
from tests.controlplane.authority import Authority
from tests.pipelines.conftest import LATER, SCRIPT, SIGNER, Job
from tests.pipelines.wheel import wheel
from tests.server import ControlPlane, key_of, running
from tests.tools.artifacts import apk, make_exe


@pytest.fixture(scope="module")
def secure_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Behind TLS, by an authority that no system knows."""
    folder = tmp_path_factory.mktemp("secure")
    authority = Authority(folder)
    certificate, key = authority.issue("server", "127.0.0.1")
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    with running(folder / "plane", *options) as plane:
        plane.ca_file = authority.certificate
        plane.create_signer(SIGNER, "p256")
        yield plane


def verify_receipt(plane: ControlPlane, receipt: Path, file: Path) -> Run:
    log_key = plane.client().log_keys().value.items[0].key
    arguments = ("receipt", "verify", receipt, "--log-key", log_key, "--file", file, "--json")
    return ask("http://127.0.0.1:9", *map(str, arguments))


class TestSigns:
    def test_jars_with_timestamps_and_a_receipt_of_each(
        self, job: Job, pipeline_plane: ControlPlane
    ) -> None:
        jars = [job.jar("app"), job.jar("an other")]
        ended = job.must_sign(tool="jarsigner", files="*.jar")
        assert "signed app.jar\n" in ended.out
        assert [job.verify_jar(jar.name) for jar in jars] == ["jar verified."] * 2
        assert {jar.stat().st_mode & 0o777 for jar in jars} == {0o644}
        receipts = job.receipts()
        assert len(receipts) == 2
        held = [verify_receipt(pipeline_plane, each, jars[0]).code == 0 for each in receipts]
        assert sorted(held) == [False, True]

    def test_an_exe_in_its_place(self, job: Job, root: str) -> None:
        exe = make_exe(job.bench(), "app.exe")
        exe.chmod(0o755)
        job.must_sign(tool="osslsigncode", files="app.exe")
        job.bench().write("root.pem", root.encode())
        trust = ("-CAfile", "root.pem", "-TSA-CAfile", "root.pem")
        said = job.bench().must(*LATER, "osslsigncode", "verify", *trust, "-in", "app.exe")
        assert "Signature verification: ok" in said
        assert "Timestamp Server Signature verification: ok" in said
        assert exe.stat().st_mode & 0o777 == 0o755

    def test_an_apk_in_its_place(self, job: Job) -> None:
        job.bench().write("app.apk", apk(28))
        job.must_sign(tool="apksigner", files="app.apk")
        assert "CN=ACME release" in job.bench().must(
            "apksigner", "verify", "--verbose", "--print-certs", "app.apk"
        )

    def test_any_file_with_a_signature_and_a_timestamp_of_that_beside_it(
        self, job: Job, root: str
    ) -> None:
        job.bench().write("app.tar", b"app")
        job.must_sign(tool="openssl", files="app.tar")
        bench = job.bench()
        bench.write("root.pem", root.encode())
        cms = ("cms", "-verify", "-inform", "DER", "-in", "app.tar.p7s", "-content", "app.tar")
        trust = ("-CAfile", "root.pem", "-purpose", "any", "-out", os.devnull)
        bench.must("openssl", *cms, "-binary", *trust)
        stamp = ("ts", "-verify", "-data", "app.tar.p7s", "-in", "app.tar.p7s.tsr")
        bench.must(*LATER, "openssl", *stamp, "-CAfile", "root.pem")

    def test_without_timestamps_where_none_are_wanted(self, job: Job) -> None:
        job.bench().write("app.tar", b"app")
        job.must_sign(tool="openssl", files="app.tar", timestamp="no")
        assert sorted(path.name for path in job.folder.iterdir()) == [
            *("app.tar", "app.tar.p7s", "receipts")
        ]

    def test_with_the_module_of_a_wheel_whose_hash_is_right(
        self, job: Job, tmp_path: Path, module_file: Path
    ) -> None:
        packed = wheel(tmp_path, module_file)
        digest = hashlib.sha256(packed.read_bytes()).hexdigest()
        job.bench().write("app.tar", b"app")
        del job.variables["SEALWRIGHT_MODULE"]
        job.path = f"{Path(sys.executable).parent}:{job.path}"
        signing = {"tool": "openssl", "files": "app.tar", "timestamp": "no"}
        for wrong in (f"{packed} --hash=sha256:{'0' * 64}", f"{packed}"):
            said, _ = job.refused(**signing, requirement=wrong)
            assert said == f"pip did not install {wrong}"
        job.must_sign(**signing, requirement=f"{packed} --hash=sha256:{digest}")
        assert (job.folder / "app.tar.p7s").exists()

    def test_without_running_python_that_lies_beside_the_files(self, job: Job) -> None:
        """It may be from another job, and would find the key."""
        job.bench().write("app.tar", b"app")
        job.bench().write("pip.py", b"open('ran', 'w')")
        del job.variables["SEALWRIGHT_MODULE"]
        job.path = f"{Path(sys.executable).parent}:{job.path}"
        signing = {"tool": "openssl", "files": "app.tar", "timestamp": "no"}
        said, _ = job.refused(**signing, requirement="none.whl")
        assert said == "pip did not install none.whl"
        assert not (job.folder / "ran").exists()

    @pytest.mark.parametrize("tool", ["jarsigner", "osslsigncode", "openssl"])
    def test_by_a_server_whose_certificate_is_of_a_private_ca(
        self, job: Job, secure_plane: ControlPlane, tool: str
    ) -> None:
        """The timestamps too, though tools get them by themselves."""
        file = {
            "jarsigner": lambda: job.jar("app"),
            "osslsigncode": lambda: make_exe(job.bench(), "app.exe"),
            "openssl": lambda: job.bench().write("app.tar", b"app"),
        }[tool]()
        authority = secure_plane.ca_file
        assert authority is not None
        (job.folder / "ca.pem").write_bytes(authority.read_bytes())
        at = {"url": secure_plane.url, "api_key": secure_plane.create_machine(tool)}
        secure_plane.client().add_member(SIGNER, tool, "operator")
        signing = at | {"tool": tool, "files": file.name}
        said, _ = job.refused(**signing)
        assert said == f"{secure_plane.url} does not answer"
        job.must_sign(**signing, ca_file="ca.pem")
        stamp, *_ = secure_plane.client().operations(limit=1, kind="timestamp").value.items
        signed, *_ = secure_plane.signings(SIGNER)
        assert signed.actor == tool
        assert stamp.sequence > signed.sequence

    def test_once_somebody_has_approved(self, job: Job, own_plane: ControlPlane) -> None:
        client = own_plane.client()
        approver = key_of(client.create_identity("ann", "user").value)
        terms = PolicyTerms(max_signings=5, steps=[PolicyStep("release", 1, ["ann"])])
        client.create_policy("asks", terms)
        key = own_plane.create_machine("pipeline")
        own_plane.create_signer(SIGNER, "p256", pipeline="operator")
        client.set_policy(SIGNER, "asks")
        job.bench().write("app.tar", b"app")
        variables = job.environment(
            url=own_plane.url,
            api_key=key,
            tool="openssl",
            files="app.tar",
            timestamp="no",
            approval_wait="1m",
        ) | {"CI_JOB_URL": "https://gitlab.example.org/job/42"}
        with subprocess.Popen(
            ["sh", str(SCRIPT)],
            cwd=job.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as signing:
            assert signing.stderr is not None
            line = next(each for each in signing.stderr if "waits" in each or "request" in each)
            (request,) = client.requests(10, state="pending").value.items
            assert request.id in line
            assert request.justification == "https://gitlab.example.org/job/42"
            own_plane.client(approver).approve_request(request.id)
            out, err = signing.communicate(timeout=60)
        assert signing.returncode == 0, out + err
        assert (job.folder / "app.tar.p7s").exists()


class TestTheKey:
    def test_is_in_no_output_no_command_line_no_environment_and_gone_at_the_end(
        self, job: Job, tmp_path: Path
    ) -> None:
        """Even where the shell is traced, and though the tool could tell."""
        job.jar("app")
        seen = tmp_path / "seen"
        wrapped = tmp_path / "bin"
        wrapped.mkdir()
        for tool in ("jarsigner", "curl"):
            program = wrapped / tool
            program.write_text(
                f'#!/bin/sh\ntr "\\0" "\\n" < /proc/$$/cmdline >> "{seen}"\n'
                f'env >> "{seen}"\nexec {shutil.which(tool)} "$@"\n'
            )
            program.chmod(0o755)
        job.path = f"{wrapped}:{job.path}"
        traced = job.step(
            f'sh -x "{SCRIPT}"', tool="jarsigner", files="app.jar"
        )  # as with CI_DEBUG_TRACE
        assert traced.code == 0, traced.err
        assert "signed app.jar" in traced.out
        told = seen.read_text()
        assert "jarsigner" in told
        assert "--config" in told
        for text in (told, traced.out, traced.err):
            assert job.api_key not in text
        assert list(job.temporary.iterdir()) == []

    def test_is_told_to_github_alone_so_that_it_is_masked(self, job: Job) -> None:
        job.bench().write("app.tar", b"app")
        ended = job.step(
            f'GITHUB_ACTIONS=true sh "{SCRIPT}"', tool="openssl", files="app.tar", timestamp="no"
        )
        assert f"::add-mask::{job.api_key}\n" in ended.out
        assert ended.out.count(job.api_key) == 1
        assert job.api_key not in ended.err

    def test_does_not_leave_the_machine_unprotected(self, job: Job) -> None:
        for url in (
            "http://sign.example.org",
            "http://127.0.0.1.example.org:80",
            "http://localhost:80@sign.example.org",
            "sign",
            "",
        ):
            said, next_step = job.refused(url=url, tool="jarsigner", files="app.jar")
            assert said == f"SEALWRIGHT_URL is '{url}': the API key would travel in the open"
            assert next_step == "Set it to the server's https:// URL."


class TestASetUpMachine:
    def test_has_in_one_folder_what_a_build_signs_with(self, job: Job, root: str) -> None:
        job.must_sign(folder="left")
        left = job.folder / "left"
        assert (left / "api-key").read_text() == f"{job.api_key}\n"
        files = {path.name: path.stat().st_mode & 0o777 for path in left.iterdir()}
        assert files.pop("libsealwright-pkcs11.so") & 0o444  # a link
        assert files == dict.fromkeys(("api-key", "chain.pem", "java.cfg", "leaf.pem"), 0o600)
        job.jar("app")
        build = (
            "jarsigner -keystore NONE -storetype PKCS11 -protected -addprovider SunPKCS11 "
            '-providerArg left/java.cfg -tsa "$SEALWRIGHT_URL/v1/timestamp" '
            'app.jar "$SEALWRIGHT_SIGNER"'
        )
        built = job.step(build)
        assert built.code == 0, built.out + built.err
        assert job.verify_jar("app.jar") == "jar verified."
        job.bench().write("root.pem", root.encode())
        chain = ("verify", "-CAfile", "root.pem", "-untrusted", "left/chain.pem", "left/leaf.pem")
        assert "OK" in job.bench().must("openssl", *chain)

    def test_tells_githubs_later_steps_where_the_key_is_and_not_which(
        self, job: Job, tmp_path: Path
    ) -> None:
        told, outputs = tmp_path / "env", tmp_path / "output"
        ended = job.step(
            f'GITHUB_ENV="{told}" GITHUB_OUTPUT="{outputs}" sh "{SCRIPT}"',
            folder="left",
            approval_wait="1h",
        )
        assert ended.code == 0, ended.err
        assert told.read_text().splitlines() == [
            f"SEALWRIGHT_FOLDER={job.folder}/left",
            f"SEALWRIGHT_SIGNER={SIGNER}",
            f"SEALWRIGHT_URL={job.variables['SEALWRIGHT_URL']}",
            f"SEALWRIGHT_API_KEY_FILE={job.folder}/left/api-key",
            f"SEALWRIGHT_RECEIPTS_DIRECTORY={job.folder}/receipts",
            "SEALWRIGHT_APPROVAL_REQUEST=true",
            "SEALWRIGHT_APPROVAL_WAIT=1h",
        ]
        assert outputs.read_text() == f"receipts={job.folder}/receipts\n"


class TestSaysWhatIsWrongAndWhatToDo:
    FILES: ClassVar = {"tool": "jarsigner", "files": "app.jar"}

    @pytest.mark.parametrize(
        ("variables", "said", "next_step"),
        [
            (
                {"api_key": ""},
                "there is no API key",
                "Set SEALWRIGHT_API_KEY from your CI's secrets",
            ),
            ({"api_key": "two words"}, "what is set as the API key is none", "identity create"),
            ({"api_key": "swk_" + "x" * 43}, "does not take this API key", "identity key add NAME"),
            ({"signer": ""}, "SEALWRIGHT_SIGNER is ''", "Set it to a signer's name"),
            ({"signer": "../ca"}, "SEALWRIGHT_SIGNER is '../ca'", "Set it to a signer's name"),
            ({"signer": "none"}, "no signer none that this API key may see", "member add none"),
            ({"url": "http://127.0.0.1:9"}, "http://127.0.0.1:9 does not answer", "server's URL"),
            ({"tool": "rm"}, "SEALWRIGHT_TOOL is 'rm'", "jarsigner, apksigner, osslsigncode or"),
            ({"files": ""}, "there is nothing to do", "Set SEALWRIGHT_FILES"),
            ({"files": "*.war"}, "there is no file *.war", "Correct SEALWRIGHT_FILES"),
            ({"timestamp": "perhaps"}, "SEALWRIGHT_TIMESTAMP is 'perhaps'", "yes, no or a URL"),
            ({"module": "none.so"}, "there is no none.so", "the path of libsealwright-pkcs11.so"),
            ({"module": ""}, "there is no PKCS#11 module", "Install the package sealwright-pkcs11"),
            ({"ca_file": "none.pem"}, "none.pem cannot be read", "the PEM of the CA"),
            ({"approval_justification": "a\nb"}, "JUSTIFICATION has more than one line", "to one"),
        ],
    )
    def test_in_its_last_two_lines(
        self, job: Job, variables: dict[str, str], said: str, next_step: str
    ) -> None:
        job.jar("app")
        wrong, right = job.refused(**self.FILES | variables)
        assert said in wrong
        assert next_step in right

    def test_of_a_name_that_a_pipeline_would_read_as_a_command(self, job: Job) -> None:
        job.bench().write("app\n::stop-commands::now.jar", b"app")
        ended = job.sign(**self.FILES | {"files": "*.jar"})
        assert ended.code == 1
        assert "the name of a file in SEALWRIGHT_FILES has more than one line" in ended.err
        assert "::" not in ended.out + ended.err

    def test_of_a_tool_that_is_not_there(self, job: Job, tmp_path: Path) -> None:
        (tmp_path / "sh").symlink_to("/bin/sh")
        job.path = str(tmp_path)
        assert job.refused(**self.FILES) == (
            "jarsigner is not installed",
            "apt-get install default-jdk-headless, or what your image has for it.",
        )

    def test_of_a_tool_that_fails(self, job: Job) -> None:
        job.bench().write("app.jar", b"no JAR")
        said, next_step = job.refused(**self.FILES)
        assert said == "jarsigner did not sign app.jar"
        assert "lines above say why" in next_step

    def test_of_a_signer_that_does_not_sign(self, job: Job, own_plane: ControlPlane) -> None:
        key = own_plane.create_machine("pipeline")
        own_plane.create_signer(SIGNER, "p256", pipeline="auditor")
        job.jar("app")
        at = {"url": own_plane.url, "api_key": key} | self.FILES
        said, next_step = job.refused(**at)
        assert said == f"this API key may see the signer {SIGNER}, but not sign with it"
        assert "member add" in next_step
        own_plane.client().add_member(SIGNER, "pipeline", "operator")
        own_plane.client().disable_signer(SIGNER)
        assert job.refused(**at) == (
            f"the signer {SIGNER} is disabled",
            f"See: sealwright signer show {SIGNER}",
        )

    def test_of_receipts_that_are_missing(self, job: Job) -> None:
        job.jar("app")
        receipts = job.folder / "receipts"
        tool = job.temporary / "bin" / "jarsigner"
        tool.parent.mkdir()
        tool.write_text(
            f'#!/bin/sh\nrmdir "{receipts}"\n'
            f'{shutil.which("jarsigner")} "$@" && mkdir "{receipts}"\n'
        )
        tool.chmod(0o755)
        job.path = f"{tool.parent}:{job.path}"
        said, next_step = job.refused(**self.FILES)
        assert said == "1 files are signed, but only 0 receipts came"
        assert "sealwright receipt get" in next_step
