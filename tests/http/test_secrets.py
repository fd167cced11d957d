"""A key reaches the provider and nothing else: no log, no print, no error."""

from __future__ import annotations

import base64
import http.client
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from collector.errors import AskError
from tests.http.asker import KEY, Asker
from tests.http.fault_rows import FAULT_ROWS, FaultRow
from tests.http.fault_server import FaultServer, Sink, hang_up, json_response, raw, response

RAW = KEY.reveal()
FORMS = {
    RAW,
    quote(RAW, safe=""),
    quote_plus(RAW),
    base64.b64encode(RAW.encode()).decode().rstrip("="),
    *(RAW[start : start + 8] for start in range(len(RAW) - 7)),
}
# A time-out shows nothing that another fault does not.
QUICK_ROWS = [row for row in FAULT_ROWS if not row.outcome.startswith("timeout") and row.lookup is None]
ECHO = raw(response(RAW.encode(), status=200, kind=RAW, headers=[("Content-Encoding", RAW), ("Location", RAW)]))


def leaks(text: str) -> set[str]:
    return {form for form in FORMS if form in text}


def reachable(error: BaseException) -> Iterator[object]:
    """Yield every value that hangs on an error, other than the frames of its traceback."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, BaseException):
            waiting += [value.__cause__, value.__context__, *value.args]
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set)):
            waiting += value
        elif hasattr(value, "__dict__") and not isinstance(value, type):
            waiting += vars(value).values()


def caught_from(asker: Asker, url: str) -> AskError | None:
    try:
        asker.ask(url)
    except AskError as error:
        return error
    return None


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 9)
    for name in (None, "urllib3", "urllib3.connectionpool", "requests", "http.client"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize(
    "behaviours",
    [[json_response({})], [hang_up], [json_response({}, status=500)], [json_response({}, status=401)], [ECHO]],
    ids=["answered", "broken", "server fault", "rejected", "key echoed"],
)
def test_key_is_in_no_log_and_on_no_screen(
    behaviours: list[object],
    asker: Asker,
    everything_logged: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with FaultServer(behaviours) as server:  # type: ignore[arg-type]  # the list above holds behaviours only
        caught_from(asker, server.url)
    logged = [f"{record.getMessage()} {vars(record)}" for record in everything_logged.records]
    assert logged, "debug logging is on"
    assert not leaks("\n".join([*logged, *capfd.readouterr()]))


@pytest.mark.parametrize("row", QUICK_ROWS, ids=lambda row: f"{row.fault} {row.variant}")
def test_nothing_that_hangs_on_a_fault_holds_the_key(row: FaultRow, asker: Asker, sink: Sink) -> None:
    with FaultServer(row.script(sink.origin)) as server:
        error = caught_from(asker, server.url)
    if error is not None:
        assert error.__cause__ is None
        assert error.__context__ is None
        assert not leaks(" ".join(map(repr, reachable(error))))


def test_traceback_of_a_fault_begins_in_the_client(asker: Asker) -> None:
    with FaultServer(hang_up) as server:
        error = caught_from(asker, server.url)
    assert error is not None
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names == ["caught_from", "ask", "get_json"]


def test_answer_that_echoes_the_key_leaves_no_trace_of_it_in_the_fault(asker: Asker) -> None:
    with FaultServer(ECHO) as server:
        error = caught_from(asker, server.url)
    assert error is not None
    assert not leaks(repr([*reachable(error)]))


def test_key_never_sits_on_the_session(asker: Asker) -> None:
    with FaultServer(json_response({})) as server:
        asker.ask(server.url)
    assert not leaks(repr(vars(asker.client)) + repr(vars(asker.client._session)))


def test_password_of_the_proxy_is_not_shown() -> None:
    from collector.http import HttpSettings

    assert "hunter2" not in repr(HttpSettings(proxy="http://me:hunter2@proxy.example:3128"))


def test_fault_cannot_smuggle_the_key_through_pickling(asker: Asker) -> None:
    with FaultServer(json_response({}, status=404)) as server:
        error = caught_from(asker, server.url)
    assert error is not None
    assert not leaks(repr(pickle.dumps(vars(error))))
