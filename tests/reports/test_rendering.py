from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import CollectorError, UsageError
from reports.rendering import Cell, whole_file, without_apostrophe, write_csv, write_json, write_object

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = st.text(st.characters(codec=None))


def as_json(*rows: dict[str, Cell]) -> str:
    out = io.StringIO()
    write_json(rows, out)
    return out.getvalue()


def as_csv(value: Cell) -> str:
    out = io.StringIO(newline="")
    write_csv([{"one": value}], ["one"], out)
    return out.getvalue().removeprefix("one\r\n").removesuffix("\r\n")


def break_off(out: TextIO, error: type[BaseException]) -> None:
    """Write a little, then fail."""
    out.write("half")
    raise error


def cell_of(text: str) -> str:
    """Return the cell that a reader of CSV finds."""
    return next(csv.reader(io.StringIO(text, newline="")))[0] if text else ""


class TestJson:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "null"),
            (True, "true"),
            (2**63 - 1, "9223372036854775807"),
            (Decimal("1.500000"), '"1.500000"'),
            (Decimal("0E-6"), '"0.000000"'),
            (Decimal("1E+3"), '"1000"'),
            (0.5, "0.5"),
            (float("nan"), "null"),
            (float("inf"), "null"),
            (NOON, '"2026-03-02T12:00:00Z"'),
            (NOON.replace(microsecond=5), '"2026-03-02T12:00:00.000005Z"'),
            (NOON.astimezone(timezone(timedelta(hours=2))), '"2026-03-02T12:00:00Z"'),
            ("grün 日本", '"grün 日本"'),
            ('"<script>\\', '"\\"<script>\\\\"'),
        ],
        ids=[
            "nothing", "truth", "largest", "decimal", "zero", "exponent", "share", "no number", "infinity", "instant",
            "microseconds", "other offset", "letters", "quotes",
        ],
    )  # fmt: skip
    def test_value_is_written_as_the_contract_says(self, value: Cell, text: str) -> None:
        assert as_json({"one": value}) == f'[\n{{"one": {text}}}\n]\n'

    @pytest.mark.parametrize(
        "text",
        ["\x1b[2J", "a\nb", "\x9b2J", "a\u202eb", "\u2028", "\U000e0041", "\ud800", "\x00", "\u2066x"],
        ids=["escape", "newline", "C1", "right to left", "line separator", "tag", "surrogate", "zero", "isolate"],
    )
    def test_what_a_terminal_would_obey_is_escaped_and_comes_back(self, text: str) -> None:
        written = as_json({"one": text})
        assert written.replace("\n", "").isprintable()
        assert json.loads(written) == [{"one": text}]

    def test_keys_keep_their_order(self) -> None:
        assert list(json.loads(as_json({"b": 1, "a": 2}))[0]) == ["b", "a"]

    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_rows_are_a_list_with_one_row_a_line(self, count: int) -> None:
        rows: list[dict[str, Cell]] = [{"one": number} for number in range(count)]
        written = as_json(*rows)
        assert (len(json.loads(written)), written.count("\n")) == (count, count + 2 if count else 1)

    def test_lists_and_objects_are_nested(self) -> None:
        out = io.StringIO()
        write_json([{"days": [{"at": NOON, "used": (Decimal("0.10"), None)}]}], out)
        assert json.loads(out.getvalue()) == [{"days": [{"at": "2026-03-02T12:00:00Z", "used": ["0.10", None]}]}]

    def test_object_is_one_line(self) -> None:
        out = io.StringIO()
        write_object({"one": NOON, "two": "a\nb"}, out)
        assert out.getvalue() == '{"one": "2026-03-02T12:00:00Z", "two": "a\\nb"}\n'

    def test_nothing_is_asked_for_before_the_row_is_due(self) -> None:
        out = io.StringIO()

        def rows() -> list[dict[str, Cell]]:
            raise AssertionError(out.getvalue())

        with pytest.raises(AssertionError, match=r"\["):
            write_json((row for one in [rows] for row in one()), out)

    @given(TEXT, st.one_of(st.none(), st.booleans(), st.integers(), st.floats()))
    def test_any_row_is_valid_json_of_one_line(self, key: str, value: Cell) -> None:
        written = as_json({key: value, "text": key})
        json.loads(written, parse_constant=pytest.fail)
        assert len(written.splitlines()) == 3


class TestCsv:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            (True, "true"),
            (False, "false"),
            (-5, "-5"),
            (2**63 - 1, "9223372036854775807"),
            (Decimal("-1.500000"), "-1.500000"),
            (0.25, "0.25"),
            (float("nan"), ""),
            (NOON, "2026-03-02T12:00:00Z"),
            ("a,b", '"a,b"'),
            ('a"b', '"a""b"'),
            ("a\nb", '"a\nb"'),
            ("", ""),
        ],
        ids=[
            "nothing", "truth", "falsehood", "negative", "largest", "decimal", "share", "no number", "instant", "comma",
            "quote", "newline", "empty",
        ],
    )  # fmt: skip
    def test_value_is_written_as_the_contract_says(self, value: Cell, text: str) -> None:
        # A lone empty cell is quoted, or the line would be blank.
        assert as_csv(value) == (text or '""')

    @pytest.mark.parametrize(
        "text",
        [
            "=cmd|' /C calc'!A0", "=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "\rx", "\nx", "＝1", "＋1",
            "－1", "＠1", "  =1", "\u00a0=1", "\u3000=1", "\ufeff=1", "\u200b=1", "\x00=1", " \t=1",
        ],
        ids=ascii,
    )  # fmt: skip
    def test_formula_becomes_text(self, text: str) -> None:
        assert cell_of(as_csv(text)) == f"'{text}"

    @pytest.mark.parametrize("text", ["a=b", "2026-01-31", "nellie-prod", "'quoted", "<script>", " ", "日本"])
    def test_other_text_stays_as_it_is(self, text: str) -> None:
        assert cell_of(as_csv(text)) == text

    def test_columns_are_those_asked_for(self) -> None:
        out = io.StringIO(newline="")
        write_csv([{"a": 1, "b": 2, "c": 3}], ["c", "a"], out)
        assert out.getvalue() == "c,a\r\n3,1\r\n"

    def test_no_rows_leave_the_header(self) -> None:
        out = io.StringIO(newline="")
        write_csv([], ["a", "b"], out)
        assert out.getvalue() == "a,b\r\n"

    @given(TEXT)
    def test_any_text_comes_back_and_is_no_formula(self, text: str) -> None:
        found = cell_of(as_csv(text))
        assert found in {text, f"'{text}"}
        assert not found.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


class TestWholeFile:
    def write(self, path: Path, text: str = "new") -> None:
        with whole_file(path) as out:
            out.write(text)

    def test_file_is_written_whole(self, tmp_path: Path) -> None:
        self.write(tmp_path / "report.csv", "a\r\nü")
        assert (tmp_path / "report.csv").read_bytes() == "a\r\nü".encode()

    def test_only_the_owner_may_read_it(self, tmp_path: Path) -> None:
        self.write(tmp_path / "report.csv")
        assert stat.S_IMODE((tmp_path / "report.csv").stat().st_mode) == 0o600

    def test_replaced_file_is_closed_to_others_too(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_text("old")
        path.chmod(0o644)
        self.write(path)
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)

    def test_old_file_stands_until_the_new_one_is_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_text("old")
        with whole_file(path) as out:
            out.write("new")
            out.flush()
            assert path.read_text() == "old"

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, UsageError])
    def test_exception_leaves_everything_as_it_was(self, tmp_path: Path, error: type[BaseException]) -> None:
        path = tmp_path / "report.csv"
        path.write_text("old")
        with pytest.raises(error), whole_file(path) as out:
            break_off(out, error)
        assert ([one.name for one in tmp_path.iterdir()], path.read_text()) == (["report.csv"], "old")

    def test_exception_leaves_no_new_file(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="half"), whole_file(tmp_path / "report.csv"):
            raise ValueError("half")
        assert list(tmp_path.iterdir()) == []

    def test_full_disk_is_explained(self, tmp_path: Path) -> None:
        def fill(path: Path) -> None:
            with whole_file(path):
                raise OSError(28, "No space left on device")

        with pytest.raises(CollectorError, match=r"cannot write .*: No space left on device; nothing was left behind"):
            fill(tmp_path / "report.csv")
        assert list(tmp_path.iterdir()) == []

    def test_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no regular file"):
            self.write(tmp_path)

    @pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
    def test_link_is_refused(self, tmp_path: Path, there: bool) -> None:
        target, link = tmp_path / "target", tmp_path / "link"
        if there:
            target.write_text("old")
        link.symlink_to(target)
        with pytest.raises(UsageError, match="no regular file"):
            self.write(link)
        assert target.exists() == there

    def test_link_that_appears_meanwhile_is_refused(self, tmp_path: Path) -> None:
        target, path = tmp_path / "target", tmp_path / "report.csv"
        target.write_text("old")
        with pytest.raises(UsageError, match="no regular file"), whole_file(path):
            path.symlink_to(target)
        assert (target.read_text(), sorted(one.name for one in tmp_path.iterdir())) == ("old", ["report.csv", "target"])

    def test_pipe_is_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UsageError, match="no regular file"):
            self.write(tmp_path / "pipe")

    def test_missing_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is not there"):
            self.write(tmp_path / "missing" / "report.csv")

    def test_folder_that_vanishes_is_explained(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        path = folder / "report.csv"
        with pytest.raises(UsageError, match="is not there"), whole_file(path):
            folder.rename(tmp_path / "elsewhere")

    def test_folder_that_may_not_be_written_is_refused(self) -> None:
        # Not even root may create a file here.
        with pytest.raises(UsageError, match=r"cannot write /proc/report\.csv"):
            self.write(Path("/proc/report.csv"))

    def test_longest_name_is_possible(self, tmp_path: Path) -> None:
        self.write(tmp_path / ("r" * 251 + ".csv"))
        assert len(list(tmp_path.iterdir())) == 1

    def test_two_writers_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        with whole_file(path) as one:
            one.write("one")
            with whole_file(path) as two:
                two.write("two")
            assert path.read_text() == "two"
        assert ([entry.name for entry in tmp_path.iterdir()], path.read_text()) == (["report.csv"], "one")


@given(text=st.text(alphabet="'=+-@a \t\u200b\uff1d", max_size=6))
def test_an_apostrophe_of_ours_can_be_taken_back(text: str) -> None:
    out = io.StringIO(newline="")
    write_csv([{"cell": text}], ["cell"], out)
    written = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1:]
    assert without_apostrophe(written[0][0] if written and written[0] else "") == text


class TestRemains:
    def test_of_a_killed_writer_are_removed_by_the_next(self, tmp_path: Path) -> None:
        dead = subprocess.Popen(["true"])
        dead.wait()
        left = tmp_path / f".{dead.pid}-0.partial"
        left.write_text("half")
        with whole_file(tmp_path / "r.json") as out:
            out.write("whole")
        assert [one.name for one in tmp_path.iterdir()] == ["r.json"]

    def test_of_a_writer_at_work_are_left_alone(self, tmp_path: Path) -> None:
        with whole_file(tmp_path / "one.json") as one:
            with whole_file(tmp_path / "two.json") as two:
                two.write("2")
            one.write("1")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]

    def test_that_are_a_day_old_are_removed_whoever_has_that_number_now(self, tmp_path: Path) -> None:
        left = tmp_path / f".{os.getppid()}-0.partial"
        left.write_text("half")
        os.utime(left, (0, 0))
        with whole_file(tmp_path / "r.json") as out:
            out.write("whole")
        assert not left.exists()
