"""The command line as a user has it: a folder, an environment, what is printed and the exit code."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from collector.app.cli.main import main
from collector.store import schema
from collector.store.engine import Database
from tests import canary

NECTED_KEY, NELLIE_KEY = canary.NECTED_KEY, canary.NELLIE_KEY


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> Any:
        """What was printed, read as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """What was printed, line by line without padding."""
        return [line.rstrip() for line in self.out.splitlines()]


class Console:
    """Runs commands in-process, in a folder of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        for name, key in {"NECTED_API_KEY": NECTED_KEY, "NELLIE_API_KEY": NELLIE_KEY}.items():
            monkeypatch.setenv(name, key)
        for name in ("COLLECTOR_CONFIG", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "no-settings-here"))

    def set(self, name: str, value: str | None) -> None:
        """Set or unset a variable of the environment."""
        if value is None:
            self._monkeypatch.delenv(name, raising=False)
        else:
            self._monkeypatch.setenv(name, value)

    def write(self, text: str, name: str = "collector.toml") -> Path:
        """Write a settings file."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def configure(self, url: str, *, nected: str = "", nellie: str = "", extra: str = "", database: str = "") -> Path:
        """Write settings for ``nected`` and ``nellie`` at ``url``; the texts are added to the accounts' tables."""
        return self.write(f"""
[database]
url = "{database or "sqlite:///usage.db"}"
{extra}
[[accounts]]
name = "nected"
provider = "nected"
base_url = "{url}"
{nected}
[[accounts]]
name = "nellie"
provider = "nellie"
base_url = "{url}"
{nellie}
""")

    def run(self, *words: str) -> Printed:
        """Run ``collector`` with ``words``."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            try:
                main(words)
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        assert not canary.leaks(out.getvalue() + err.getvalue())
        return Printed(code, out.getvalue(), err.getvalue())

    def good(self, *words: str) -> Printed:
        """Run a command that must succeed."""
        done = self.run(*words)
        assert done.code == 0, done.err
        return done

    def json(self, *words: str) -> Any:
        """Run a command that must succeed, and return its JSON."""
        return self.good(*words, "--json").rows

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open the folder's database beside the command line."""
        database = Database(f"sqlite:///{self.folder / 'usage.db'}")
        try:
            yield database
        finally:
            database.close()

    def table(self, name: str) -> list[Any]:
        """Return every row of a table of the folder's database in order of its key."""
        found = schema.metadata.tables[name]
        with self.database() as database, database.read() as connection:
            return list(connection.execute(select(found).order_by(*found.primary_key.columns)).all())

    def use(self, template: Path) -> None:
        """Put a copy of an upgraded database into the folder."""
        shutil.copy(template, self.folder / "usage.db")
