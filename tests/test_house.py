"""The rules of the house that no other tool keeps."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROGRAM = [path for top in ("collector", "reports", "migrations") for path in sorted((ROOT / top).rglob("*.py"))]

# In pieces, so that this file does not hold what it looks for.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.", "crates" + ".io", "ana" + "conda.org"]
PLACES = ["/wo" + "rk/", "/ro" + "ot/", "/t" + "mp/venv"]


def _own_files() -> list[Path]:
    """Return what git tracks, and what it would if everything were added."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout, so nobody knows which files are ours")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_part_of_the_collector_has_a_floor() -> None:
    house = next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one.get("exhaustive"))
    floors = {name.strip() for layer in house["layers"] for name in re.split(r"[|:]", layer)}
    parts = {path.stem for path in (ROOT / "collector").glob("*.py")} - {"__init__", "__main__"}
    parts |= {path.parent.name for path in (ROOT / "collector").glob("*/__init__.py")}
    assert floors == parts


def test_the_package_itself_imports_nothing() -> None:
    # Whatever it imported, every command would pay for.
    statements = ast.parse((ROOT / "collector" / "__init__.py").read_text(encoding="utf-8")).body
    assert [type(one) for one in statements] == [ast.Expr]


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(REGISTRIES, id="the host of a package registry"),
        pytest.param(PLACES, id="a path of somebody's machine"),
    ],
)
def test_no_file_names(forbidden: list[str]) -> None:
    words = re.compile("|".join(map(re.escape, forbidden)), re.IGNORECASE)
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in _own_files())
    assert [f"{path.relative_to(ROOT)}: {found[0]}" for path, text in texts if (found := words.search(text))] == []


def test_no_file_holds_the_path_of_this_checkout() -> None:
    if len(ROOT.parts) < 3:
        pytest.skip(f"{ROOT} is too short a path to look for")
    found = [path for path in _own_files() if str(ROOT).encode() in path.read_bytes()]
    assert found == []


def _locked() -> dict[str, list[str]]:
    """Return the locked lines by package, a package that depends on the Python version several times."""
    entries: dict[str, list[str]] = {}
    for entry in re.findall(r"^\S.*(?:\n {4}.*)*", LOCK, re.MULTILINE):
        entries.setdefault(canonicalize_name(re.split(r"[=<> ;]", entry)[0]), []).append(entry)
    return entries


def test_the_lock_holds_nothing_but_packages() -> None:
    assert [line for line in LOCK.splitlines() if not re.match(r"[a-z0-9]|    --hash=sha256:", line)] == []


def test_every_locked_package_has_hashes() -> None:
    entries = [entry for several in _locked().values() for entry in several]
    assert [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_every_locked_package_has_one_exact_version() -> None:
    entries = [entry.splitlines()[0] for several in _locked().values() for entry in several]
    assert [entry for entry in entries if not re.match(r"[a-z0-9.-]+==[^ ]+ ", entry)] == []


def _declared() -> Iterator[str]:
    yield from PROJECT["project"]["dependencies"]
    yield from PROJECT["build-system"]["requires"]
    yield from PROJECT["dependency-groups"]["dev"]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        yield from extra


@pytest.mark.parametrize("declared", sorted(set(_declared())))
def test_the_lock_satisfies(declared: str) -> None:
    wanted = Requirement(declared)
    versions = [Version(entry.split("==")[1].split()[0]) for entry in _locked()[canonicalize_name(wanted.name)]]
    assert all(wanted.specifier.contains(version) for version in versions)


def test_every_module_is_under_300_lines() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in PROGRAM}
    assert {path: length for path, length in lengths.items() if length >= 300} == {}


_SILENCED = re.compile(r"#\s*(?:(?P<tool>type: ignore|noqa)\b)(?P<rest>.*)")
_CODES = re.compile(r"\[(?P<mypy>[a-z-]+(?:, ?[a-z-]+)*)\]|: (?P<ruff>[A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*)")


def _silenced(path: Path) -> Iterator[str]:
    """Return what is wrong with each comment that silences a tool; the reason may be given once for a code."""
    explained: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = _SILENCED.search(line)
        codes = _CODES.match(found["rest"]) if found else None
        if found and codes is None:
            yield f"{path.relative_to(ROOT)}:{number} names no code"
        elif found and codes:
            if re.search(r"[a-z]{2}", found["rest"][codes.end() :]):
                explained.add(codes[0])
            elif codes[0] not in explained:
                yield f"{path.relative_to(ROOT)}:{number} gives no reason"


def test_whoever_silences_a_tool_names_the_code_and_the_reason() -> None:
    files = [*PROGRAM, *(path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__))]
    assert [fault for path in files for fault in _silenced(path)] == []


def test_no_work_is_left_in_comments() -> None:
    marks = re.compile(r"#.*\b(?:TO" + r"DO|FIX" + r"ME|XXX)\b")
    assert [path for path in PROGRAM if marks.search(path.read_text(encoding="utf-8"))] == []


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
