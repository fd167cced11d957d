from __future__ import annotations

import gzip
import io
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from tests.app.console import Console
from tests.app.test_import_rows import HEADER, REQUESTS

NOW = "2026-01-03T12:00:00Z"
ROWS = [
    ("nellie", "credits", "2026-01-01T00:00:00Z", 100),
    ("nellie", "credits", "2026-01-01T12:00:00Z", 150),
    ("nellie", "credits", "2026-01-02T00:00:00.500000Z", 20),
    ("nellie", "credits", "2026-01-02T12:00:00Z", 30),
    ("nellie", "requests", "2026-01-01T12:00:00Z", 7),
    ("nected", "invocations", "2026-01-01T12:00:00Z", 9),
]
RECORDS = [
    "nellie,r1,completed,2026-01-01T10:00:00Z,2026-01-01T10:05:00Z,250,2026-01-01T10:01:00Z,2026-01-01T12:00:00Z",
    'nellie,"\'=1+1, ""x""",failed,2026-01-01T10:01:00Z,,0,2026-01-01T10:01:00Z,2026-01-01T12:00:00Z',
    "nellie,'' =2,processing,,,,2026-01-01T11:01:00Z,2026-01-01T12:00:00Z",
]


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def csv_of(rows: list[tuple[str, str, str, int]] = ROWS) -> str:
    return HEADER + "".join(",".join(map(str, row)) + "\n" for row in rows)


def put(console: Console, text: str | bytes, name: str = "facts.csv") -> str:
    (console.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def everything(console: Console) -> bytes:
    connection = sqlite3.connect(console.folder / "usage.db")
    dump = "\n".join(connection.iterdump())
    connection.close()
    return dump.encode()


def test_import_says_what_it_did(console: Console) -> None:
    assert console.good("import", put(console, csv_of())).lines == [
        "6 snapshots: 6 new, 0 known; credits, invocations, requests of nected, nellie, 2026-01-01T00:00:00Z to "
        "2026-01-02T12:00:00Z"
    ]


def test_import_as_json_has_its_keys(console: Console) -> None:
    put(console, csv_of())
    console.good("import", put(console, csv_of(ROWS[:3]), "some.csv"))
    assert console.json("import", "facts.csv") == {
        "kind": "snapshots",
        "rows": 6,
        "new": 3,
        "changed": 0,
        "known": 3,
        "accounts": ["nected", "nellie"],
        "meters": ["credits", "invocations", "requests"],
        "first_at": "2026-01-01T00:00:00Z",
        "last_at": "2026-01-02T12:00:00Z",
        "dry_run": False,
    }


def test_imported_snapshots_are_reported(console: Console) -> None:
    console.good("import", put(console, csv_of()))
    rows = console.json("report", "daily", "--account", "nellie", "--meter", "credits")
    assert [(row["day"], row["usage"], row["resets"]) for row in rows] == [("2026-01-01", 69, 0), ("2026-01-02", 11, 1)]


def test_the_same_file_again_changes_nothing(console: Console) -> None:
    name = put(console, csv_of())
    console.good("import", name)
    before = everything(console)
    assert console.json("import", name)["new"] == 0
    assert everything(console) == before


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param("nellie,credits,2026-01-01T12:00:00Z,151", "credits of nellie", id="a recorded value"),
        pytest.param("nellie,credits,2026-01-02T13:00:00Z,x", "value is not a plain number", id="no counter"),
        pytest.param("nobody,credits,2026-01-02T13:00:00Z,1", "no account is called", id="an unknown account"),
        pytest.param("nected,credits,2026-01-02T13:00:00Z,1", "nected has no meter", id="an unknown meter"),
        pytest.param("nellie,credits,2026-01-04T12:00:01Z,1", "observed_at lies in the future", id="the future"),
    ],
)
def test_a_wrong_line_stops_the_import_with_nothing_written(row: str, said: str, console: Console) -> None:
    console.good("import", put(console, csv_of()))
    before = everything(console)
    done = console.run("import", put(console, f"{HEADER}nellie,credits,2026-01-02T18:00:00Z,40\n{row}\n"))
    assert (done.code, done.err.startswith(f"collector: line 3: {said}")) == (2, True), done.err
    assert everything(console) == before


def test_a_dry_run_counts_and_writes_nothing(console: Console) -> None:
    before = everything(console)
    assert console.json("import", put(console, csv_of()), "--dry-run")["new"] == 6
    assert everything(console) == before


def test_stdin_is_read(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO(gzip.compress(csv_of().encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(packed))
    assert console.json("import", "-")["new"] == 6


def test_a_file_that_is_not_there_is_named(console: Console) -> None:
    done = console.run("import", "none.csv")
    assert (done.code, done.err) == (2, "collector: cannot open none.csv: No such file or directory\n")


def test_a_folder_is_no_file(console: Console) -> None:
    done = console.run("import", ".")
    assert (done.code, done.err) == (2, "collector: cannot open .: Is a directory\n")


def test_a_file_without_rows_is_no_fault(console: Console) -> None:
    assert (
        console.good("import", put(console, HEADER)).out == "the file has no rows of snapshots; nothing was imported\n"
    )


def test_an_account_that_is_no_longer_configured_is_known(console: Console) -> None:
    console.good("import", put(console, csv_of(ROWS[:2])))
    console.write('[[accounts]]\nname = "other"\nprovider = "nected"\n')
    assert console.json("import", put(console, csv_of(ROWS[:4])))["new"] == 2


def test_request_records_are_imported_and_reported(console: Console) -> None:
    body = REQUESTS + "\n".join(RECORDS) + "\n"
    assert console.good("import", put(console, body)).out.startswith("3 request records: 3 new, 0 known; nellie, ")
    rows = console.json("report", "requests")
    assert [row["request_id"] for row in rows] == ["r1", '=1+1, "x"', "' =2"]


def test_a_changed_request_record_is_counted(console: Console) -> None:
    console.good("import", put(console, REQUESTS + RECORDS[2] + "\n"))
    done = RECORDS[2].replace("processing", "completed")
    assert console.json("import", put(console, f"{REQUESTS}{done}\n{RECORDS[0]}\n"))["changed"] == 1


@pytest.mark.parametrize("what", ["snapshots", "requests"])
@pytest.mark.parametrize("how", ["csv", "jsonl"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_what_is_exported_imports_to_the_same_export(
    what: str, how: str, packed: str, console: Console, upgraded_sqlite: Path
) -> None:
    console.good("import", put(console, csv_of()))
    console.good("import", put(console, REQUESTS + "\n".join(RECORDS) + "\n"))
    first, second = f"first.{how}{packed}", f"second.{how}{packed}"
    console.good("export", what, "--format", how, "--output", first)
    reports = [console.json("report", name) for name in ("daily", "requests")]
    console.use(upgraded_sqlite)
    console.good("import", first)
    console.good("export", what, "--format", how, "--output", second)
    assert (console.folder / second).read_bytes() == (console.folder / first).read_bytes()
    place = 0 if what == "snapshots" else 1
    assert console.json("report", ("daily", "requests")[place]) == reports[place]


def test_export_writes_to_the_screen(console: Console) -> None:
    console.good("import", put(console, csv_of()))
    out = console.good("export", "snapshots", "--account", "nellie", "--meter", "requests").out
    assert out == "account,meter,observed_at,value\r\nnellie,requests,2026-01-01T12:00:00Z,7\r\n"


def test_export_as_json_lines(console: Console) -> None:
    console.good("import", put(console, csv_of()))
    out = console.good("export", "snapshots", "--account", "nected", "--format", "jsonl").out
    assert json.loads(out) == {
        "account": "nected", "meter": "invocations", "observed_at": "2026-01-01T12:00:00Z", "value": 9
    }  # fmt: skip


def test_export_keeps_to_the_days_asked_for(console: Console) -> None:
    console.good("import", put(console, csv_of()))
    words = ("export", "snapshots", "--meter", "credits", "--from", "2026-01-02", "--to", "2026-01-03")
    assert console.good(*words).lines[1:] == [
        "nellie,credits,2026-01-02T00:00:00.500000Z,20",
        "nellie,credits,2026-01-02T12:00:00Z,30",
    ]
    assert len(console.good(*words, "--tz", "America/New_York").lines) == 2
