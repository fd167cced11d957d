from __future__ import annotations

import base64
import io
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from collector.app import logs
from collector.domain.secret import Secret
from tests.polling.canary import KEY, RAW, leaks


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A stream that cannot be written."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def logged(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def without_pytest() -> None:
    """Take away pytest's own handlers: what is given to a logger on purpose is nobody's leak."""
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if isinstance(one.formatter, logs._Redacting)]


@pytest.fixture
def pipe() -> io.StringIO:
    stream = io.StringIO()
    logs.configure([KEY], stream=stream)
    return stream


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    logs.configure([KEY], stream=stream)
    return stream


class TestPipe:
    def test_gets_one_json_object_a_line(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("first", account="a", count=3)
        structlog.get_logger().warning("second")
        first, second = logged(pipe)
        assert (first["event"], first["level"], first["account"], first["count"]) == ("first", "info", "a", 3)
        assert (second["event"], second["level"]) == ("second", "warning")

    def test_gets_the_time_in_utc(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("now")
        assert logged(pipe)[0]["timestamp"].endswith("Z")

    def test_gets_what_libraries_log(self, pipe: io.StringIO) -> None:
        logging.getLogger("some.library").warning("disk %s is %d %% full", "sda", 99)
        assert logged(pipe)[0] | {"timestamp": ""} == {
            "event": "disk sda is 99 % full",
            "level": "warning",
            "timestamp": "",
        }

    def test_gets_a_traceback_inside_its_object(self, pipe: io.StringIO) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            structlog.get_logger().exception("it broke")
        assert logged(pipe)[0]["exception"].splitlines()[-1] == "ValueError: broken"

    def test_gets_a_traceback_of_a_library(self, pipe: io.StringIO) -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("some.library").exception("it broke")
        assert logged(pipe)[0]["exception"].splitlines()[-1] == "ValueError: broken"


class TestTerminal:
    def test_gets_lines_for_people(self, terminal: io.StringIO) -> None:
        structlog.get_logger().info("first", account="a")
        assert "first" in terminal.getvalue()
        assert not terminal.getvalue().startswith("{")

    def test_gets_colours(self, terminal: io.StringIO) -> None:
        structlog.get_logger().warning("first")
        assert "\x1b[" in terminal.getvalue()

    def test_gets_no_colours_where_nobody_wants_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        logs.configure(stream=stream)
        structlog.get_logger().warning("first")
        assert "\x1b" not in stream.getvalue()

    def test_gets_tracebacks_without_local_variables(self, terminal: io.StringIO) -> None:
        header = "value of a local variable"
        try:
            raise ValueError("broken")
        except ValueError:
            structlog.get_logger().exception("it broke")
        assert "ValueError: broken" in terminal.getvalue()
        assert header not in terminal.getvalue().replace('header = "value of a local variable"', "")


HOSTILE = {
    "line break": ("a\nb", "a\\nb"),
    "carriage return": ("a\rb", "a\\rb"),
    "escape sequence": ("\x1b[2Jgone", "\\x1b[2Jgone"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "NUL": ("a\0b", "a\\x00b"),
    "line separator": ("a\u2028b", "a\\u2028b"),
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
class TestHostileText:
    def test_stays_on_one_line_of_a_pipe(self, text: str, shown: str, pipe: io.StringIO) -> None:
        structlog.get_logger().info(f"said {text}", reason=text)
        assert (logged(pipe)[0]["event"], logged(pipe)[0]["reason"]) == (f"said {shown}", shown)

    def test_does_not_act_on_a_terminal(self, text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        logs.configure(stream=stream)
        logging.getLogger("some.library").warning("said %s", text)
        assert f"said {shown}" in stream.getvalue()
        assert len(stream.getvalue().splitlines()) == 1

    def test_in_an_error_does_not_act_either(self, text: str, shown: str, pipe: io.StringIO) -> None:
        try:
            raise ValueError(text)
        except ValueError:
            structlog.get_logger().exception("it broke")
        assert "\x1b" not in logged(pipe)[0]["exception"]
        assert len(pipe.getvalue().splitlines()) == 1


def test_long_text_is_cut(pipe: io.StringIO) -> None:
    structlog.get_logger().info("x" * 1_000_000)
    assert logged(pipe)[0]["event"] == "x" * 500 + "…"


class TestLists:
    def test_text_in_lists_and_tables_is_harmless_too(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("said", fields=["a\nb", ("\x1b[2J",)], growth={"x\u202e": RAW})
        line = logged(pipe)[0]
        assert (line["fields"], line["growth"]) == (["a\\nb", ["\\x1b[2J"]], {"x\\u202e": "[key removed]"})

    def test_long_text_in_a_list_is_cut(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("said", fields=["x" * 1_000_000])
        assert logged(pipe)[0]["fields"] == ["x" * 500 + "…"]

    def test_of_a_long_list_the_beginning_is_shown(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("said", fields=list(range(100_000)))
        assert logged(pipe)[0]["fields"] == [*range(50), "…"]

    def test_endless_depth_has_an_end(self, pipe: io.StringIO) -> None:
        deep: list[object] = []
        deep.append(deep)
        structlog.get_logger().info("said", fields=deep)
        assert logged(pipe)[0]["fields"] == [[["[[...]]"]]]

    def test_what_is_no_text_is_shown_as_it_describes_itself(self, pipe: io.StringIO) -> None:
        structlog.get_logger().info("said", path=Path("a\nb"), key=KEY, count=None)
        line = logged(pipe)[0]
        assert (line["key"], line["count"]) == (repr(KEY), None)
        assert "\\n" in line["path"]


def test_long_traceback_keeps_its_end(pipe: io.StringIO) -> None:
    try:
        raise ValueError("x" * 100_000 + " the reason")
    except ValueError:
        structlog.get_logger().exception("it broke")
    shown = logged(pipe)[0]["exception"]
    assert shown.endswith(" the reason")
    assert len(shown) < 11_000


SPELLINGS = {
    "plain": RAW,
    "base64": base64.b64encode(RAW.encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(RAW.encode()).decode(),
    "URL": quote(RAW, safe=""),
    "a part": RAW[3:17],
    "across the cut": "x" * 490 + RAW,
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("kind", [io.StringIO, Terminal], ids=["pipe", "terminal"])
class TestKey:
    @pytest.fixture
    def stream(self, kind: type[io.StringIO]) -> io.StringIO:
        stream = kind()
        logs.configure([KEY], verbose=True, stream=stream)
        return stream

    def test_is_removed_from_what_is_said(self, spelling: str, stream: io.StringIO) -> None:
        structlog.get_logger().info(f"said {spelling}", header=spelling, listed=[{"deep": spelling}])
        assert stream.getvalue()
        assert not leaks(stream.getvalue())

    def test_is_removed_from_what_libraries_say(self, spelling: str, stream: io.StringIO) -> None:
        without_pytest()
        logging.getLogger("http.client").warning("header %s: %r", "X-API-Key", spelling)
        assert stream.getvalue()
        assert not leaks(stream.getvalue())

    def test_is_removed_from_tracebacks(self, spelling: str, stream: io.StringIO) -> None:
        try:
            raise ValueError(f"header {spelling!r}")
        except ValueError:
            structlog.get_logger().exception("it broke")
        assert "ValueError" in stream.getvalue()
        assert not leaks(stream.getvalue())


def test_key_with_quotes_is_removed_from_json_too() -> None:
    stream = io.StringIO()
    logs.configure([Secret('a"b\\c"d\\e"f')], stream=stream)
    structlog.get_logger().info("said", header='a"b\\c"d\\e"f')
    assert logged(stream)[0]["header"] == "[key removed]"


def test_key_that_becomes_known_later_is_removed_from_then_on() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logs.protect([KEY])
    structlog.get_logger().info(f"said {RAW}")
    assert logged(stream)[0]["event"] == "said [key removed]"


def test_protecting_without_a_log_does_nothing() -> None:
    logging.getLogger().handlers[:] = [logging.NullHandler()]
    logs.protect([KEY])


class TestLevels:
    @pytest.mark.parametrize(("verbose", "lines"), [(False, 0), (True, 1)], ids=["usual", "verbose"])
    def test_details_are_for_verbose_logs(self, verbose: bool, lines: int) -> None:
        stream = io.StringIO()
        logs.configure(verbose=verbose, stream=stream)
        structlog.get_logger().debug("polled")
        assert len(logged(stream)) == lines

    @pytest.mark.parametrize("name", ["urllib3.connectionpool", "http.client"])
    def test_headers_are_not_even_in_verbose_logs(self, name: str) -> None:
        stream = io.StringIO()
        logs.configure(verbose=True, stream=stream)
        logging.getLogger(name).debug("send: X-API-Key")
        assert stream.getvalue() == ""

    @pytest.mark.parametrize("name", ["urllib3.connectionpool", "apscheduler.scheduler"])
    def test_what_we_say_ourselves_is_not_said_twice(self, name: str, pipe: io.StringIO) -> None:
        logging.getLogger(name).warning("Retrying")
        assert pipe.getvalue() == ""


class TestTrouble:
    def test_full_disk_stops_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        logs.configure(stream=Full())
        structlog.get_logger().warning("said")
        assert capfd.readouterr() == ("", "")

    def test_badly_formed_call_shows_no_argument(self, capfd: pytest.CaptureFixture[str]) -> None:
        pipe = io.StringIO()
        logs.configure([KEY], stream=pipe)
        without_pytest()
        logging.getLogger("some.library").warning("%d", RAW)
        assert (pipe.getvalue(), *capfd.readouterr()) == ("", "", "")
