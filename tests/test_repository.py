"""Files of the repository that repeat what pyproject.toml says."""

import re
from pathlib import Path

import pytest

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
OTHER_NAMES = {"annoy": "python-annoy", "matplotlib": "matplotlib-base"}
"""Names that packages have in conda-forge."""


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f'\n  version: "{version}"\n' in (ROOT / "conda" / "recipe.yaml").read_text()


def test_the_conda_recipe_has_the_requirements_of_the_package():
    recipe = (ROOT / "conda" / "recipe.yaml").read_text()
    run = re.search(r"^  run:\n((?:    - .*\n)+)", recipe, flags=re.MULTILINE)[1]
    listed = re.findall(r"- (\S+) (\S+)", run)
    needed = [re.fullmatch(r"([\w-]+)(\S+)", each).groups() for each in PROJECT["dependencies"]]
    expected = {OTHER_NAMES.get(name, name): limit for name, limit in needed}
    assert dict(listed) == expected | {"python": PROJECT["requires-python"]}


def test_wheels_are_built_for_the_versions_that_are_tested():
    nox = (ROOT / "noxfile.py").read_text()
    tested = re.findall(r'"(3\.\d+)"', re.search(r"^PYTHONS = .*$", nox, flags=re.MULTILINE)[0])
    built = [f"cp{version.replace('.', '')}-*" for version in tested]
    assert SETTINGS["tool"]["cibuildwheel"]["build"] == built


def test_hosted_checks_call_the_scripts_that_run_without_a_host():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "run: bash .ci/run" in workflow
    sessions = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    for listed in re.findall(r"session: \[(.*)\]", workflow):
        for session in listed.split(", "):
            assert session.partition("-")[0] in sessions


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")))
def test_actions_are_pinned_by_hash(workflow):
    for used in re.findall(r"uses: (\S+)", workflow.read_text()):
        assert re.search(r"@[0-9a-f]{40}$", used), used
