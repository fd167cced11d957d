"""Judges what the project stands on: known vulnerabilities and licences of the locked packages.

    python .ci/supply_chain.py audit       known vulnerabilities of requirements.lock (pip-audit, asks the index)
    python .ci/supply_chain.py licences    licences of what users install, and of what only developers run

pip-audit calls a package clean that its index knows nothing about. Here that is told as what it is: not audited. It
fails the run only with AUDIT_REQUIRED=1, because an index without advisories is no fault of the change that is judged.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT = Path(__file__).parents[1]
_LOCK = _ROOT / "requirements.lock"

# Licences that ask for no more than to be named with the program, and weak copyleft, which ends at the library's files.
_PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|0BSD|CNRI-Python|MIT-CMU|DFSG approved", re.IGNORECASE
)
_WEAK_COPYLEFT = re.compile(r"LGPL|Lesser General Public|MPL|Mozilla Public License", re.IGNORECASE)
_STRONG_COPYLEFT = re.compile(r"\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)

# Decided by reading the package's own licence files, where its metadata say too little.
_READ = {
    "axe-playwright-python": "MIT",  # LICENSE in its archive; it carries axe-core, which is MPL-2.0
}
# Packages under several licences, of which the user may choose one that is not strong copyleft.
_CHOICE = {"pyphen": "LGPL or MPL at the user's choice"}
# Strong copyleft that no user ever receives: programs that the tests run, and never import.
_ONLY_RUN = {"beancount": "judges what `export beancount` writes"}


def main(arguments: list[str]) -> int:
    """Run one of the two checks and return the exit code."""
    checks: Mapping[str, Callable[[], int]] = {"audit": _audit, "licences": _licences}
    if len(arguments) != 1 or arguments[0] not in checks:
        print(f"usage: supply_chain.py {'|'.join(checks)}", file=sys.stderr)
        return 2
    return checks[arguments[0]]()


def _audit() -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(_LOCK), "--require-hashes", "--disable-pip"]
    done = subprocess.run(
        [*command, "--format=json", "--progress-spinner=off", "--timeout=20"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _not_audited(f"pip-audit could not work: {' '.join(done.stderr.split())[-300:]}")
    vulnerable = [one for one in found if one.get("vulns")]
    for one in vulnerable:
        for fault in one["vulns"]:
            fixed = ", ".join(fault["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {fault['id']}, repaired in {fixed}")
    skipped = [one["name"] for one in found if "skip_reason" in one]
    if vulnerable:
        return 1
    if skipped:
        return _not_audited(f"the index knows no advisories of {len(skipped)} of {len(found)} packages")
    print(f"{len(found)} packages, none with a known vulnerability")
    return 0


def _not_audited(reason: str) -> int:
    print(f"NOT AUDITED: {reason}. AUDIT_REQUIRED=1 makes this a failure.")
    return int(os.environ.get("AUDIT_REQUIRED") == "1")


def _licences() -> int:
    listed = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--with-system"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {canonicalize_name(one["Name"]): str(one["License"]) for one in json.loads(listed.stdout)}
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    received = _closure([*project["dependencies"], *(one for extra in extras for one in extra)])
    locked = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", _LOCK.read_text(), re.MULTILINE)}
    faults = [
        f"{name}: {found[name]!r} {fault}"
        for name in sorted(locked & found.keys())
        if (fault := _fault(name, found[name], received=name in received)) is not None
    ]
    for fault in faults:
        print(fault)
    if not faults:
        print(
            f"{len(received & found.keys())} packages that users install and {len(locked & found.keys())} in all: "
            "licences hold"
        )
    return int(bool(faults))


def _fault(name: str, licence: str, *, received: bool) -> str | None:
    """Return what is wrong with a package's licence, or None."""
    licence = _READ.get(name, licence)
    if name in _CHOICE:
        return None
    if _STRONG_COPYLEFT.search(licence):
        return None if name in _ONLY_RUN and not received else "is strong copyleft"
    known = _PERMISSIVE.search(licence) or _WEAK_COPYLEFT.search(licence)
    return None if known else "is not known to the policy"


def _closure(wanted: list[str]) -> set[str]:
    """Return the names of all packages that installing ``wanted`` brings into this environment."""
    open_, closed = [Requirement(one) for one in wanted], set[tuple[str, str]]()
    while open_:
        one = open_.pop()
        name = canonicalize_name(one.name)
        for extra in one.extras or {""}:
            if (name, extra) not in closed:
                closed.add((name, extra))
                open_ += _required(name, extra)
    return {name for name, _ in closed}


def _required(name: str, extra: str) -> Iterator[Requirement]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:  # of another system, or only for another Python
        return
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
