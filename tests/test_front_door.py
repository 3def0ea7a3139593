"""The README, the pins and the course agree with each other."""

import re
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import notebook_tools as tools
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if "==" in line]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_course_is_complete():
    assert tools.existing() == tools.COURSE + tools.BEYOND


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    local = [link for link in links if "://" not in link]
    assert len(local) > 15
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_test_command_is_the_one_that_ci_runs():
    _, _, after = README.partition("<!-- test command -->")
    (command,) = re.findall(r"^python3 .*$", after.partition("<!-- end -->")[0], re.M)
    assert command.endswith("python -m pytest")
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "<!-- test command -->" in ci
    assert ci.endswith("\n.venv/bin/python -m pytest -m thorough\n")


@pytest.mark.parametrize("extra", [None, "notebooks", "test"])
def test_pins_satisfy_the_lower_bounds(extra):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = project["project"]
    asked = project["optional-dependencies"].get(extra, project["dependencies"])
    pinned = pins("requirements.txt") | pins("requirements-test.txt")
    for line in asked:
        requirement = Requirement(line)
        if requirement.name != "minigpt":
            assert requirement.specifier.contains(pinned[requirement.name.lower()])
            assert ">=" in line


@pytest.mark.parametrize("python", ["3.11.0", "3.11.2", "3.12.0", "3.13.0"])
def test_pins_are_for_every_python_that_the_course_is_for(python):
    for name in pins("requirements.txt") | pins("requirements-test.txt"):
        with suppress(PackageNotFoundError):  # another system's
            wanted = metadata(name)["Requires-Python"] or ""
            assert SpecifierSet(wanted).contains(python), f"{name} wants {wanted}"


def test_learners_need_no_test_tools():
    assert pins("requirements.txt")["torch"] == "2.13.0"
    assert "pytest" not in pins("requirements.txt")
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-r requirements.txt" in environment
