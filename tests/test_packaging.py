"""The wheel: what is in it, and that an installed collector needs no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """The names of the wheel's files."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `collector` of an environment that has the wheel, and of this one only the packages it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(uv, capture_output=True, check=True)
    packages = Path(_asked(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "collector"


def _asked(python: Path, code: str) -> str:
    command = [str(python), "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run(program: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # The surroundings may name settings, databases or a checkout; none of them is meant here.
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run([str(program), *words], cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name",
    [
        "collector/__init__.py",
        "collector/py.typed",
        "collector/app/cli/main.py",
        "collector/store/migrations/env.py",
        "collector/store/migrations/script.py.mako",
        "collector/store/migrations/versions/0001_first_schema.py",
        "reports/__init__.py",
        "reports/py.typed",
    ],
)
def test_the_wheel_contains(name: str, names: list[str]) -> None:
    assert name in names


def test_every_module_of_the_tree_is_in_the_wheel(names: list[str]) -> None:
    modules = {str(path.relative_to(ROOT)) for top in ("collector", "reports") for path in (ROOT / top).rglob("*.py")}
    assert modules <= set(names)


def test_every_migration_is_in_the_wheel(names: list[str]) -> None:
    migrations = {f"collector/store/{path.relative_to(ROOT)}" for path in (ROOT / "migrations").rglob("*.py")}
    assert migrations <= set(names)


def test_the_wheel_carries_the_licence(names: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_contains_nothing_else(names: list[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {"collector", "reports"} == {top for top in tops if not top.endswith(".dist-info")}


def test_the_wheel_contains_no_tests_and_nothing_compiled(names: list[str]) -> None:
    unwanted = ("tests", "__pycache__", "conftest.py")
    parts = {name: Path(name).parts for name in names}
    assert [one for one in names if set(parts[one]) & set(unwanted) or parts[one][-1].startswith("test_")] == []


def test_an_installed_collector_is_not_the_checkout(program: Path) -> None:
    place = Path(_asked(program.with_name("python"), "import collector; print(collector.__file__)"))
    assert place.is_relative_to(program.parents[1])


def test_an_installed_collector_creates_its_database(program: Path, tmp_path: Path) -> None:
    done = [_run(program, tmp_path, *words) for words in (["init"], ["db", "upgrade"], ["db", "check"])]
    assert [one.returncode for one in done] == [0, 0, 0], "".join(one.stdout + one.stderr for one in done)
    assert "is sound" in done[-1].stdout


def test_an_installed_collector_knows_its_version(program: Path, tmp_path: Path, wheel: Path) -> None:
    assert _run(program, tmp_path, "--version").stdout == f"collector {wheel.name.split('-')[1]}\n"
