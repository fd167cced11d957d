"""The rows of settings and of the command line: refused before anything is asked, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.cli.test_config_faults import CASES, Case
from tests.app.console import NELLIE_KEY
from tests.faults.stage import ACCOUNT, Stage, usage

HIDDEN = ("abcdef", "012345", "secret-of-ours")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case.fault} {case.variant}", marks=pytest.mark.fault(case.fault)) for case in CASES],
)
@pytest.mark.parametrize("verb", ["poll", "doctor", "run"])
def test_fault_in_the_settings_is_told_by_every_verb_that_needs_them(verb: str, case: Case, stage: Stage) -> None:
    stage.console.write(case.settings.format(url=stage.upstream.origin))
    case.prepare(stage.console)
    for path in stage.folder.glob("*.key"):
        stage.hold_key(path)
    works = verb == "run" and case.code == 0
    done = stage.daemon(lambda: stage.polls) if works else stage.run(verb)
    assert not any(word in done.out + done.err for word in HIDDEN)
    if case.code:
        # The doctor examines and reports: what it finds is no failure to run it.
        assert done.code == (case.code if verb != "doctor" or done.code != 1 else 1)
        assert all(word in done.out + done.err for word in case.says)
        assert (stage.upstream.connections, stage.polls, stage.facts) == (0, [], [[], [], [], [], []])
    else:
        assert done.code in {0, 1} if verb == "doctor" else done.code == 0


@pytest.mark.fault("C3")
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", ""], ids=["LF", "CR LF", "CR", "none"])
def test_line_end_of_a_key_file_is_no_part_of_the_key(ending: str, stage: Stage) -> None:
    stage.key_file("nellie.key", NELLIE_KEY + ending)
    stage.configure(account='api_key = { file = "nellie.key" }')
    assert stage.poll().code == 0
    assert f"\r\nX-API-Key: {NELLIE_KEY}\r\n".encode() in stage.upstream.requests[0] + b"\r\n"


@pytest.mark.fault("C3")
@pytest.mark.parametrize(
    "text", [f"{NELLIE_KEY}\n\n", f" {NELLIE_KEY}", f"{NELLIE_KEY} \n"], ids=["two", "before", "space"]
)
def test_nothing_but_one_line_end_is_stripped(text: str, stage: Stage) -> None:
    stage.key_file("nellie.key", text)
    stage.configure(account='api_key = { file = "nellie.key" }')
    assert stage.poll().code == 2
    assert stage.upstream.connections == 0


@pytest.mark.fault("C9")
def test_accounts_that_count_twice_are_warned_of_by_daemon_and_poll(stage: Stage) -> None:
    again = f'[[accounts]]\nname = "again"\nprovider = "nellie"\nbase_url = "{stage.upstream.origin}"\n'
    stage.configure(extra=again)
    done = stage.daemon(lambda: len(stage.polls) >= 2)
    assert (done.code, stage.outcomes) == (0, ["ok", "ok"])
    assert any("will double count if summed" in said for said in done.logged("warning"))
    assert "will double count if summed" in stage.run("poll").err


@pytest.mark.fault("C10")
@pytest.mark.parametrize("mode", [0o604, 0o606, 0o646, 0o666])
def test_key_file_open_to_others_is_refused(mode: int, stage: Stage) -> None:
    stage.key_file("nellie.key", NELLIE_KEY, mode)
    stage.configure(account='api_key = { file = "nellie.key" }')
    done = stage.poll()
    assert (done.code, stage.polls) == (2, [])
    assert "chmod" in done.err + done.out


BAD_RANGES = {
    "inverted": ("--from", "2026-02-01", "--to", "2026-01-01"),
    "no date": ("--from", "2026-02-30"),
    "both": ("--from", "2026-01-01", "--last", "3d"),
    "zone": ("--tz", "Mars/Base"),
}
REPORTS = ("daily", "requests")


@pytest.mark.fault("C11")
@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("words", BAD_RANGES.values(), ids=BAD_RANGES)
def test_range_that_is_none_is_refused(words: tuple[str, ...], report: str, stage: Stage) -> None:
    stage.poll()
    done = stage.run("report", report, *words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("collector: ")


@pytest.mark.fault("C11")
@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("start", ["2001-01-01", "2999-01-01"], ids=["before the first", "in the future"])
def test_range_without_data_is_empty_and_never_zero(start: str, report: str, stage: Stage) -> None:
    stage.poll()
    end = start.replace("-01-01", "-01-05")
    done = stage.run("report", report, "--from", start, "--to", end, "--json")
    assert (done.code in {0, 2}, done.rows if done.code == 0 else []) == (True, [])


def output_verbs(folder: Path, target: str) -> dict[str, tuple[str, ...]]:
    """Return every verb that writes where it is told."""
    return {
        "report daily": ("report", "daily", "--output", target),
        "report as html": ("report", "daily", "--format", "html", "--output", target),
        "report burn": ("report", "burn", "--json", "--output", target),
        "report exhaustion": ("report", "exhaustion", "--format", "csv", "--output", target),
        "report requests": ("report", "requests", "--output", target),
        "report trend": ("report", "trend", "--output", target),
        "report month": ("report", "month", "--period", "2026", "--output", target),
        "export snapshots": ("export", "snapshots", "--output", target),
        "export requests": ("export", "requests", "--output", target),
        "db backup": ("db", "backup", target),
    }


VERBS = tuple(output_verbs(Path(), "x"))


def folder_there(stage: Stage) -> Path:
    path = stage.folder / "out"
    path.mkdir()
    return path


def link_there(stage: Stage) -> Path:
    precious = stage.folder / "precious"
    precious.write_text("precious")
    path = stage.folder / "out"
    path.symlink_to(precious)
    return path


def dangling_link(stage: Stage) -> Path:
    path = stage.folder / "out"
    path.symlink_to(stage.folder / "elsewhere")
    return path


def pipe_there(stage: Stage) -> Path:
    path = stage.folder / "out"
    os.mkfifo(path)
    return path


def missing_folder(stage: Stage) -> Path:
    return stage.folder / "not" / "there"


PLACES: dict[str, Callable[[Stage], Path]] = {
    "a folder": folder_there,
    "a link": link_there,
    "a link to nothing": dangling_link,
    "a pipe": pipe_there,
    "in a missing folder": missing_folder,
}


@pytest.mark.fault("C12")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("place", PLACES)
def test_output_replaces_nothing_but_a_regular_file(place: str, verb: str, stage: Stage) -> None:
    target = PLACES[place](stage)
    before = sorted(path.name for path in stage.folder.iterdir())
    done = stage.run(*output_verbs(stage.folder, str(target))[verb])
    assert done.code == 2, done.out + done.err
    assert str(target) in done.err
    assert not (stage.folder / "elsewhere").exists()
    precious = stage.folder / "precious"
    assert not precious.exists() or precious.read_text() == "precious"
    left = {path.name for path in stage.folder.iterdir()} - set(before)
    assert not {name for name in left if "partial" in name or name.startswith("out")}


@pytest.mark.fault("C12")
@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in {"db backup", "report month", "report trend"}])
def test_regular_file_is_replaced_whole_and_is_ours_alone(verb: str, stage: Stage) -> None:
    stage.plays(usage(1, 8740, [{"requestId": "r-1", "status": "failed"}]))
    stage.poll()
    target = stage.folder / "out"
    target.write_text("old")
    target.chmod(0o644)
    done = stage.run(*output_verbs(stage.folder, str(target))[verb])
    assert done.code == 0, done.err
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_text() != "old"


@pytest.mark.fault("C8")
def test_account_is_called_as_it_may_be_called(stage: Stage) -> None:
    for name in ("Über", "a b", "x" * 41, "-a", "a\\nSubject: x"):
        stage.configure(extra=f'[[accounts]]\nname = "{name}"\nprovider = "nellie"\n')
        assert stage.poll().code == 2, name
    assert ACCOUNT not in {path.name for path in stage.folder.iterdir()}
