"""Row X14: floors above known vulnerabilities, a hash for everything, and an audit that never lies."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

pytestmark = pytest.mark.fault("X14")

ROOT = Path(__file__).parents[2]
CHECK = ROOT / ".ci" / "supply_chain.py"


class Advisory(NamedTuple):
    """A vulnerability of a package that we hand to users, and the version that repaired it."""

    package: str
    repaired_in: str
    advisory: str


# Of packages that meet a provider's bytes, a browser's requests, or text that is not ours.
ADVISORIES = [
    Advisory("certifi", "2024.7.4", "CVE-2024-39689"),
    Advisory("fastapi", "0.109.1", "CVE-2024-24762"),
    Advisory("h11", "0.16.0", "CVE-2025-43859"),
    Advisory("idna", "3.7", "CVE-2024-3651"),
    Advisory("jinja2", "3.1.6", "CVE-2025-27516"),
    Advisory("pyarrow", "14.0.1", "CVE-2023-47248"),
    Advisory("requests", "2.32.4", "CVE-2024-47081"),
    Advisory("starlette", "0.49.1", "CVE-2025-62727"),
    Advisory("urllib3", "2.6.3", "CVE-2026-21441"),
    Advisory("weasyprint", "68.0", "CVE-2025-68616"),
]


def _project() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {one.name: one for one in map(Requirement, lines)}


def _locked() -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def _loaded() -> Callable[..., str | None]:
    spec = spec_from_file_location("supply_chain", CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., str | None] = module._fault
    return found


@pytest.mark.parametrize("one", ADVISORIES, ids=lambda one: f"{one.package}: {one.advisory}")
def test_no_version_with_a_known_vulnerability_can_be_installed(one: Advisory) -> None:
    floor = next(spec.version for spec in _project()[one.package].specifier if spec.operator == ">=")

    assert Version(floor) >= Version(one.repaired_in)


def test_everything_is_locked_at_or_above_its_floor() -> None:
    locked = _locked()

    assert [name for name, one in _project().items() if not one.specifier.contains(locked[name])] == []


def test_every_locked_package_has_a_hash() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]

    assert len(entries) >= len(_locked()) > 100
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("way", ["pip sync --quiet --require-hashes", "install -qq --require-hashes"])
def test_what_ci_installs_is_the_lock_checked_by_its_hashes(way: str) -> None:
    assert way in (ROOT / ".ci" / "bootstrap").read_text()
    assert "make bootstrap" in (ROOT / ".ci" / "run").read_text()


def _audit(tmp_path: Path, printed: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the audit with a pip-audit that prints what it is told to."""
    (tmp_path / "pip_audit.py").write_text(f"print({printed!r})")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), **environ}
    command = [sys.executable, str(CHECK), "audit"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_known_vulnerability_fails_the_audit(tmp_path: Path) -> None:
    done = _audit(
        tmp_path,
        '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}]}',
    )

    assert (done.returncode, done.stdout) == (1, "a 1: CVE-1, repaired in 1.1\n")


@pytest.mark.parametrize(
    "printed", ['{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', ""], ids=["unknown", "no answer"]
)
def test_an_audit_that_could_ask_nobody_does_not_say_clean(tmp_path: Path, printed: str) -> None:
    done = _audit(tmp_path, printed)

    assert done.stdout.startswith("NOT AUDITED: ")
    assert _audit(tmp_path, printed, AUDIT_REQUIRED="1").returncode == 1


def test_a_clean_audit_says_how_much_it_looked_at(tmp_path: Path) -> None:
    done = _audit(tmp_path, '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}')

    assert (done.returncode, done.stdout) == (0, "1 packages, none with a known vulnerability\n")


@pytest.mark.parametrize(
    ("name", "licence", "received", "fault"),
    [
        ("a", "MIT License", True, None),
        ("a", "LGPL-3.0-only", True, None),
        ("a", "GNU Lesser General Public License v3 (LGPLv3)", True, None),
        ("a", "GPL-2.0-only", True, "is strong copyleft"),
        ("a", "AGPL-3.0", False, "is strong copyleft"),
        ("a", "GNU General Public License v3 (GPLv3)", True, "is strong copyleft"),
        ("beancount", "GPL-2.0-only", False, None),
        ("beancount", "GPL-2.0-only", True, "is strong copyleft"),
        ("a", "UNKNOWN", True, "is not known to the policy"),
        ("a", "Proprietary", False, "is not known to the policy"),
    ],
)
def test_licences_are_judged_by_what_users_receive(name: str, licence: str, received: bool, fault: str | None) -> None:
    assert _loaded()(name, licence, received=received) == fault
