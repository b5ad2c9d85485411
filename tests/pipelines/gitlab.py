"""The GitLab component, and what GitLab makes of it."""

import re
from typing import Any

import yaml

from tests.pipelines.conftest import HERE

TEMPLATE = HERE / "docs" / "ci" / "gitlab" / "templates" / "sign" / "template.yml"
INPUT = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")


def documents() -> tuple[Any, Any]:
    """The header with the inputs, and the jobs."""
    header, body = yaml.safe_load_all(TEMPLATE.read_text())
    return header, body


def the_job(**inputs: str) -> Any:
    """The one job with these inputs, and the defaults of the others."""
    header, body = documents()
    values = {name: each.get("default") for name, each in header["spec"]["inputs"].items()}
    values |= inputs

    def filled(node: Any) -> Any:
        """In each text by itself, after YAML was read."""
        if isinstance(node, dict):
            return {filled(name): filled(each) for name, each in node.items()}
        if isinstance(node, list):
            return [filled(each) for each in node]
        return INPUT.sub(lambda found: values[found[1]], node) if isinstance(node, str) else node

    (job,) = filled(body).values()
    return job
