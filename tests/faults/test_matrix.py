"""The matrix is whole: every row of ``rows.toml`` has a case in this folder, and no case is for a row that is none."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
REPOSITORY = FOLDER.parents[1]
ROWS = tomllib.loads((FOLDER / "rows.toml").read_text())
SIZES = {"H": 26, "P": 30, "T": 14, "S": 24, "R": 12, "C": 12, "X": 14}
IDS = [f"{kind}{number}" for kind, size in SIZES.items() for number in range(1, size + 1)]

_COLLECT = """
import json, sys, pytest

class Cases:
    def pytest_collection_finish(self, session):
        found = [
            [item.nodeid, [row for mark in item.iter_markers("fault") for row in mark.args],
             [mark.name for mark in item.iter_markers() if mark.name in ("skip", "skipif", "xfail")]]
            for item in session.items
        ]
        with open(sys.argv[1], "w") as file:
            file.write(json.dumps(found))

sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "-n", "0", sys.argv[2]], plugins=[Cases()]))
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, list[str], list[str]]]:
    """Each case's id, the rows it is for, and the marks that could keep it from running."""
    found = tmp_path_factory.mktemp("cases") / "cases.json"
    command = [sys.executable, "-c", _COLLECT, str(found), str(FOLDER)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [(case, rows, marks) for case, rows, marks in json.loads(found.read_text())]


def test_matrix_has_its_132_rows_in_order() -> None:
    assert list(ROWS) == IDS
    assert len(IDS) == 132


@pytest.mark.parametrize("row", IDS)
def test_row_says_what_goes_wrong_and_what_must_come_of_it(row: str) -> None:
    assert set(ROWS[row]) == {"fault", "must"}
    assert all(ROWS[row].values())


def test_every_row_has_a_case(cases: list[tuple[str, list[str], list[str]]]) -> None:
    by_row: dict[str, list[str]] = defaultdict(list)
    for case, rows, _ in cases:
        for row in rows:
            by_row[row].append(case)
    assert [row for row in IDS if not by_row[row]] == []


def test_no_case_is_for_a_row_that_is_none(cases: list[tuple[str, list[str], list[str]]]) -> None:
    assert [(case, row) for case, rows, _ in cases for row in rows if row not in ROWS] == []


def test_no_case_is_marked_not_to_run(cases: list[tuple[str, list[str], list[str]]]) -> None:
    assert [(case, marks) for case, rows, marks in cases if rows and marks] == []
