from datetime import UTC, datetime, timedelta

import pytest

from collector.errors import UsageError
from collector.simulator.switch_text import SWITCHES, parse_switch, parse_switches
from collector.simulator.switches import Glitch, Step, Switches

FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("status=429", Switches(status=429), id="status"),
        pytest.param("times=3", Switches(times=3), id="times"),
        pytest.param("retry_after=Wed, 21 Oct 2026 07:28:00 GMT", Switches(
            retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), id="retry_after"),
        pytest.param("retry_after=", Switches(retry_after=""), id="no retry_after"),
        pytest.param("retry_after=a=b", Switches(retry_after="a=b"), id="equals in the value"),
        pytest.param("success_false=yes", Switches(success_false=True), id="success_false"),
        pytest.param("latency=0.25", Switches(latency=timedelta(milliseconds=250)), id="latency"),
        pytest.param("drop_connection=TRUE", Switches(drop_connection=True), id="drop_connection"),
        pytest.param("drop_connection=no", Switches(), id="drop_connection off"),
        pytest.param("malformed=truncated", Switches(malformed="truncated"), id="malformed"),
        pytest.param("window=5", Switches(window=5), id="window"),
        pytest.param("reset=2026-02-01T00:00:00Z", Switches(resets=(FEBRUARY,)), id="reset"),
        pytest.param("reset=2026-02-01T01:00:00+01:00", Switches(resets=(FEBRUARY,)), id="reset with an offset"),
        pytest.param("offset=requests:-40@2026-02-01T00:00:00Z",
                     Switches(offsets=(Step("requests", -40, FEBRUARY),)), id="offset"),
        pytest.param("correction=credits:250@2026-02-01T00:00:00Z",
                     Switches(corrections=(Step("credits", 250, FEBRUARY),)), id="correction"),
        pytest.param("glitch=invocations:0@3", Switches(glitches=(Glitch("invocations", 0, 3),)), id="glitch"),
    ],
)  # fmt: skip
def test_every_switch_has_a_text(text: str, expected: Switches) -> None:
    assert parse_switch(text) == expected


def test_every_field_can_be_set_by_text() -> None:
    singular = {"resets": "reset", "offsets": "offset", "corrections": "correction", "glitches": "glitch"}

    assert {singular.get(name, name) for name in Switches.__dataclass_fields__} == set(SWITCHES)


def test_switches_add_up() -> None:
    switches = parse_switches(["status=500", "times=2", "reset=2026-02-01T00:00:00Z", "reset=2026-03-01T00:00:00Z"])

    assert switches == Switches(status=500, times=2, resets=(FEBRUARY, datetime(2026, 3, 1, tzinfo=UTC)))


def test_the_last_of_two_values_stands() -> None:
    assert parse_switches(["window=5", "window=7"]) == Switches(window=7)


def test_no_texts_are_healthy_switches() -> None:
    assert parse_switches([]) == Switches()


@pytest.mark.parametrize("text", [pytest.param("statos=429", id="misspelt"), pytest.param("status", id="no value")])
def test_an_unknown_switch_is_refused_with_the_names_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="the names are status, times, retry_after, success_false, latency"):
        parse_switch(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("status=many", "whole number", id="status"),
        pytest.param("status=200", "401, 403, 429, 500, 503", id="status that is no fault"),
        pytest.param("success_false=perhaps", "yes or no", id="yes or no"),
        pytest.param("latency=soon", "number of seconds", id="latency"),
        pytest.param("latency=1e9", "0 to 600 seconds", id="huge latency"),
        pytest.param("latency=-1", "0 to 600 seconds", id="negative latency"),
        pytest.param("latency=NaN", "number of seconds", id="NaN latency"),
        pytest.param("reset=2026-02-01", "RFC 3339", id="date"),
        pytest.param("reset=2026-02-01T00:00:00", "RFC 3339", id="naive instant"),
        pytest.param("correction=250@2026-02-01T00:00:00Z", "METER:NUMBER@PLACE", id="no meter"),
        pytest.param("correction=credits:250", "METER:NUMBER@PLACE", id="no place"),
        pytest.param("glitch=credits:zero@3", "whole number", id="glitch"),
        pytest.param("malformed=odd", "truncated", id="malformed"),
    ],
)
def test_an_impossible_value_is_refused_with_what_is_possible(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_switch(text)
