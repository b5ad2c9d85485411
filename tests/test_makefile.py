"""The Makefile: what it says it makes, it makes."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")


def test_every_phony_target_has_a_rule() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    rules = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
    assert sorted(phony.split()) == sorted(rules)


def test_help_names_targets_that_there_are() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    named = set(re.findall(r"^make ([a-z-]+)", said.stdout, re.MULTILINE))
    assert len(named) > 10
    assert named <= set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
