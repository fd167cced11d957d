from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.app.questions import parse_date, parse_days, parse_zone, question_of
from collector.app.wiring import load_settings
from collector.errors import UsageError
from tests.app.console import Console

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TestDates:
    def test_are_read(self) -> None:
        assert parse_date("2026-01-31", "--from") == date(2026, 1, 31)

    def test_may_be_left_out(self) -> None:
        assert parse_date(None, "--from") is None

    @pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "31.01.2026", "2026-01-31T00:00:00Z"])
    def test_that_are_none_are_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(UsageError, match="--from takes a date such as 2026-01-31"):
            parse_date(text, "--from")


class TestDays:
    @pytest.mark.parametrize(("text", "days"), [("1d", 1), ("30d", 30), ("4w", 28), ("99999d", 99999)])
    def test_are_counted(self, text: str, days: int) -> None:
        assert parse_days(text) == days

    def test_may_be_left_out(self) -> None:
        assert parse_days(None) is None

    @pytest.mark.parametrize("text", ["", "30", "0d", "-3d", "1m", "1.5d", "d", "٣d", "999999d"])
    def test_that_are_none_are_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(UsageError, match="30d or 4w"):
            parse_days(text)


class TestZones:
    def test_are_read(self) -> None:
        assert parse_zone("Asia/Kathmandu") == ZoneInfo("Asia/Kathmandu")

    def test_may_be_left_out(self) -> None:
        assert parse_zone(None) is None

    @pytest.mark.parametrize("text", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
    def test_that_are_none_are_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(UsageError, match="Europe/Berlin"):
            parse_zone(text)


class TestQuestion:
    @pytest.fixture(autouse=True)
    def _settings(self, console: Console) -> None:
        self.settings = load_settings(console.folder / "collector.toml")

    def test_without_flags_is_about_everything(self) -> None:
        question = question_of(self.settings, NOW, names=([], None))
        assert (question.accounts, question.meters, question.start, question.end) == (None, None, None, None)

    def test_knows_what_is_agreed_with_each_account(self) -> None:
        assert set(question_of(self.settings, NOW, names=(None, None)).agreements) == {"nected", "nellie"}

    @pytest.mark.parametrize("end", ["2026-01-31", "2026-01-30"], ids=["empty", "inverted"])
    def test_about_no_day_is_refused(self, end: str) -> None:
        with pytest.raises(UsageError, match="holds no day"):
            question_of(self.settings, NOW, names=(None, None), span=("2026-01-31", end, None))

    def test_about_the_beginning_of_time_is_understood(self) -> None:
        question = question_of(self.settings, NOW, names=(None, None), span=("0001-01-01", "9999-12-31", None))
        assert (question.start, question.end) == (date(1900, 1, 1), date(9000, 1, 1))


def completed(console: Console, words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    console.set("_COLLECTOR_COMPLETE", "complete_bash")
    console.set("COMP_WORDS", words)
    console.set("COMP_CWORD", str(len(words.split(" ")) - 1))
    done = console.good()
    assert done.err == ""
    return done.out.split()


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "offered"),
        [
            ("collector poll ", ["nected", "nellie"]),
            ("collector poll nel", ["nellie"]),
            ("collector status --account nec", ["nected"]),
            ("collector can-spend ne", ["nected", "nellie"]),
            ("collector report daily --meter ", ["credits", "invocations", "requests"]),
            ("collector report daily --meter cr", ["credits"]),
            ("collector resets decide --account nel", ["nellie"]),
            ("collector rep", ["report", "reports"]),
        ],
    )
    def test_offers_what_is_configured(self, words: str, offered: list[str], console: Console) -> None:
        assert completed(console, words) == offered

    def test_uses_the_settings_named_before(self, console: Console) -> None:
        (console.folder / "collector.toml").rename(console.folder / "elsewhere.toml")
        assert completed(console, "collector --config elsewhere.toml poll nel") == ["nellie"]

    @pytest.mark.parametrize("words", ["collector poll ", "collector report daily --meter "])
    def test_offers_nothing_without_settings(self, words: str, bare_console: Console) -> None:
        assert completed(bare_console, words) == []
