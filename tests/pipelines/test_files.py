"""The files that CI systems read: they keep to the public schemas, hand every input over, and what
they run signs."""

import json
import os
import re
import xml.etree.ElementTree as ET
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.pipelines.conftest import HERE, SCRIPT, SIGNER, Job
from tests.pipelines.gitlab import INPUT, TEMPLATE, documents, the_job
from tests.tools.tool import Ended

ACTION = HERE / "action.yml"
RECIPES = HERE / "docs" / "ci"
DOCUMENT = HERE / "docs" / "ci.md"
CONFIGURED = {"SEALWRIGHT_URL", "SEALWRIGHT_SIGNER", "SEALWRIGHT_FOLDER"}
"""What a set-up machine has, for a build that signs by itself."""
PLAIN = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
"""What GitHub puts an input in the place of."""


def check(document: Any, schema: str) -> None:
    """Against a public schema, as check-jsonschema brings it."""
    brought = distribution("check-jsonschema")
    file = Path(str(brought.locate_file(f"check_jsonschema/builtin_schemas/vendor/{schema}.json")))
    whole = json.loads(file.read_text())
    jsonschema.validators.validator_for(whole)(whole).validate(document)


def variables_in(text: str) -> set[str]:
    return set(re.findall(r"SEALWRIGHT_[A-Z_]+", text))


class TestGithub:
    @pytest.fixture
    def action(self) -> Any:
        return yaml.safe_load(ACTION.read_text())

    def test_the_action_keeps_to_githubs_schema(self, action: Any) -> None:
        check(action, "github-actions")
        with pytest.raises(jsonschema.ValidationError):
            check(
                action | {"runs": {"using": "composite", "steps": [{"run": "x"}]}}, "github-actions"
            )

    def test_every_input_reaches_the_script_as_a_variable_and_no_other_way(
        self, action: Any
    ) -> None:
        """What stands in `run` itself would be read by the shell."""
        (step,) = action["runs"]["steps"]
        assert "${{" not in step["run"]
        handed = [PLAIN.fullmatch(each) for each in step["env"].values()]
        assert {each[1] for each in handed if each} == set(action["inputs"])
        assert None not in handed
        assert set(step["env"]) <= variables_in(SCRIPT.read_text())

    def test_its_step_signs(self, action: Any, job: Job, tmp_path: Path) -> None:
        job.jar("app")
        ended = run_step(action, job, tmp_path, files="*.jar")
        assert ended.code == 0, ended.out + ended.err
        assert job.verify_jar("app.jar") == "jar verified."
        output = re.fullmatch(
            r"\$\{\{ steps\.sign\.outputs\.(\w+) \}\}", action["outputs"]["receipts"]["value"]
        )
        assert output is not None
        told = dict(line.split("=") for line in (tmp_path / "output").read_text().splitlines())
        assert Path(told[output[1]]) == job.folder / "receipts"
        assert len(job.receipts()) == 1
        assert not (tmp_path / "env").exists()

    def test_without_files_its_step_sets_the_job_up(
        self, action: Any, job: Job, tmp_path: Path
    ) -> None:
        ended = run_step(action, job, tmp_path)
        assert ended.code == 0, ended.out + ended.err
        later = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
        assert later["SEALWRIGHT_FOLDER"] == f"{tmp_path}/runner/sealwright"
        assert later["SEALWRIGHT_API_KEY_FILE"] == f"{tmp_path}/runner/sealwright/api-key"
        url = "https://github.com/acme/app/actions/runs/42"
        assert later["SEALWRIGHT_APPROVAL_JUSTIFICATION"] == url
        assert later.keys() >= CONFIGURED
        assert job.api_key not in (tmp_path / "env").read_text()


def run_step(action: Any, job: Job, tmp_path: Path, **inputs: str) -> Ended:
    """As the runner does it, with these inputs and those that must be there."""
    values = {name: each.get("default", "") for name, each in action["inputs"].items()}
    values |= inputs | {
        "url": job.variables["SEALWRIGHT_URL"],
        "api-key": job.api_key,
        "signer": SIGNER,
        "module": job.variables["SEALWRIGHT_MODULE"],
    }
    (step,) = action["runs"]["steps"]
    job.variables = {
        name: PLAIN.sub(lambda found: values[found[1]], each) for name, each in step["env"].items()
    } | {
        "GITHUB_ACTION_PATH": str(HERE),
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_ENV": str(tmp_path / "env"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "acme/app",
        "GITHUB_RUN_ID": "42",
        "RUNNER_TEMP": str(tmp_path / "runner"),
    }
    return job.step(step["run"], by=step["shell"])


class TestGitlab:
    def test_the_component_keeps_to_gitlabs_schema(self) -> None:
        header, body = documents()
        check(header, "gitlab-ci")
        check(body, "gitlab-ci")
        with pytest.raises(jsonschema.ValidationError):
            check({"spec": {"input": {}}}, "gitlab-ci")

    def test_every_input_is_used_and_none_else(self) -> None:
        inputs = set(documents()[0]["spec"]["inputs"])
        assert set(INPUT.findall(TEMPLATE.read_text())) == inputs
        assert not any("key" in name for name in inputs)

    def test_its_script_is_the_one_script(self) -> None:
        """`SEALWRIGHT_WRITE_GOLDEN=1` writes it anew."""
        text, script = TEMPLATE.read_text(), SCRIPT.read_text()
        begin, end = "<< 'SIGN'\n", "      SIGN\n"
        before, rest = text.split(begin)
        inside = "".join(f"      {line}\n" if line else "\n" for line in script.splitlines())
        wanted = f"{before}{begin}{inside}{rest[rest.index(end) :]}"
        if os.environ.get("SEALWRIGHT_WRITE_GOLDEN"):
            TEMPLATE.write_text(wanted)
        else:
            assert text == wanted
        assert "$[[" not in script
        assert "SIGN" not in script.splitlines()

    def test_its_job_signs(self, job: Job) -> None:
        signing = the_job(
            url=job.variables["SEALWRIGHT_URL"],
            signer=SIGNER,
            module=job.variables["SEALWRIGHT_MODULE"],
            files="*.jar",
            packages="",  # they are here
        )
        job.variables = signing["variables"] | {
            "SEALWRIGHT_API_KEY": job.api_key,
            "CI_JOB_URL": "https://gitlab.example.org/job/1",
        }
        job.jar("app")
        script = "\n".join([*signing["before_script"], *signing["script"]])
        ended = job.step(f"set -o pipefail\n{script}", by="bash")
        assert ended.code == 0, ended.out + ended.err
        assert job.verify_jar("app.jar") == "jar verified."
        kept = [each for path in signing["artifacts"]["paths"] for each in job.folder.glob(path)]
        assert kept == [job.folder / "app.jar", *job.receipts()]
        assert len(job.receipts()) == 1


class TestJenkins:
    FILE = RECIPES / "jenkins" / "Jenkinsfile"

    def test_what_its_shell_runs_signs(self, job: Job) -> None:
        text = self.FILE.read_text()
        set_there = dict(re.findall(r"^ +(SEALWRIGHT_\w+) = '(.*)'$", text, re.MULTILINE))
        assert {*set_there, "SEALWRIGHT_API_KEY"} <= variables_in(SCRIPT.read_text())
        (step,) = re.findall(r"^ +sh '(.*)'$", text, re.MULTILINE)
        job.variables = set_there | job.variables
        (job.folder / "build" / "libs").mkdir(parents=True)
        job.jar("app").rename(job.folder / "build" / "libs" / "app.jar")
        (job.folder / "ci").mkdir()
        (job.folder / "ci" / "sign").write_bytes(SCRIPT.read_bytes())
        ended = job.step(step)
        assert ended.code == 0, ended.out + ended.err
        assert "signed build/libs/app.jar\n" in ended.out
        assert len(job.receipts()) == 1

    def test_groovy_never_reads_the_key(self) -> None:
        assert not re.search(r'sh\s+"', self.FILE.read_text())


class TestBuildsThatSignByThemselves:
    """On a machine that docs/ci/sign has set up. With the tools themselves: make test-foreign."""

    def test_maven_hands_jarsigner_what_it_needs(self) -> None:
        pom = ET.parse(RECIPES / "maven" / "pom.xml")  # noqa: S314 - ours
        space = {"m": "http://maven.apache.org/POM/4.0.0"}
        (plugin,) = pom.findall(".//m:plugin", space)
        settings = {
            each.tag.partition("}")[2]: each.text
            for each in plugin.find("m:configuration", space) or ()
        }
        assert settings["keystore"] == "NONE"
        assert settings["storetype"] == "PKCS11"
        assert settings["protectedAuthenticationPath"] == "true"
        assert set(re.findall(r"env\.(\w+)", " ".join(map(str, settings.values())))) == CONFIGURED
        assert plugin.findtext("m:version", None, space)

    def test_goreleaser_and_gradle_read_variables_that_are_set(self) -> None:
        release = yaml.safe_load((RECIPES / "goreleaser" / ".goreleaser.yaml").read_text())
        (signing,) = release["signs"]
        assert signing["cmd"] == "cosign"
        assert variables_in(str(signing["args"])) == CONFIGURED - {"SEALWRIGHT_URL"}
        gradle = (RECIPES / "gradle" / "build.gradle").read_text()
        assert set(re.findall(r"here\.(\w+)", gradle)) == CONFIGURED


def test_every_recipe_is_on_the_page() -> None:
    page = DOCUMENT.read_text()
    recipes = [path for path in RECIPES.rglob("*") if path.is_file() and "src" not in path.parts]
    missing = [
        path.relative_to(HERE / "docs")
        for path in recipes
        if f"(ci/{path.relative_to(RECIPES)})" not in page
    ]
    assert missing == []


def test_every_variable_of_the_page_is_one_of_the_script_or_of_the_module() -> None:
    settings = (HERE / "docs" / "module.md").read_text()
    known = variables_in(SCRIPT.read_text()) | variables_in(settings)
    assert variables_in(DOCUMENT.read_text()) <= known


def test_workflows_on_the_page_keep_to_githubs_schema() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    workflows = [yaml.safe_load(each) for each in blocks if "runs-on" in each]
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    assert len(workflows) >= 2
    for workflow in workflows:
        check(
            {"on": workflow.pop(True)} | workflow, "github-workflows"
        )  # YAML 1.1 reads "on" as true
        for step in workflow["jobs"]["sign"]["steps"]:
            if "sealwright" in step.get("uses", ""):
                assert set(step["with"]) <= set(inputs)
                assert {name for name, each in inputs.items() if each.get("required")} <= set(
                    step["with"]
                )
            if "uses" in step:
                assert re.search(r"@[0-9a-fA-F]{40}\b|@COMMIT$", step["uses"]), step["uses"]
