from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest

from collector.app.import_cells import Kind
from collector.app.importing import Imported
from collector.app.printing_imports import import_progress, print_import


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_shown_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with import_progress() as watch:
        watch("bytes", 50, 100)
        watch("meters", 1, 2)
    assert "reading" in terminal.getvalue()
    assert "entering meters" in terminal.getvalue()


def test_a_pipe_is_shown_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with import_progress() as watch:
        watch("bytes", 50, None)
    assert capsys.readouterr() == ("", "")


def test_many_accounts_are_counted_instead_of_named(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    names = tuple(f"a{number}" for number in range(6))
    print_import(Imported(Kind.SNAPSHOTS, 12, 10, 0, 2, names, ("credits",), at, at, dry_run=True), as_json=False)
    assert capsys.readouterr().out == (
        "12 snapshots: 10 new, 2 known; credits of 6 accounts, 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z "
        "(nothing was written: --dry-run)\n"
    )
