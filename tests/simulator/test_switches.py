from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from collector.errors import UsageError
from collector.simulator.malformed import NAMES
from collector.simulator.switches import HEALTHY, Glitch, Step, Switchboard, Switches

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)


def truth(instant: datetime) -> int:
    """Count one unit every minute, the first at noon, upon a balance of a thousand."""
    return 1_000 + (instant - NOON) // MINUTE + 1


def shown(switches: Switches, minutes: int, index: int = 0, meter: str = "credits") -> int:
    return switches.shown(meter, truth, NOON + minutes * MINUTE, index)


def test_healthy_switches_show_the_truth() -> None:
    assert shown(HEALTHY, 30) == truth(NOON + 30 * MINUTE)


def test_a_reset_begins_again_from_zero_with_the_event_at_its_instant() -> None:
    switches = Switches(resets=(NOON + 10 * MINUTE,))

    assert [shown(switches, minute) for minute in (9, 10, 11)] == [1_010, 1, 2]


def test_the_last_of_several_resets_counts() -> None:
    switches = Switches(resets=(NOON + 20 * MINUTE, NOON + 10 * MINUTE))

    assert [shown(switches, minute) for minute in (19, 20)] == [10, 1]


def test_a_correction_is_subtracted_from_its_instant_on() -> None:
    switches = Switches(corrections=(Step("credits", 250, NOON + 10 * MINUTE),))

    assert [truth(NOON + m * MINUTE) - shown(switches, m) for m in (9, 10, 99)] == [0, 250, 250]


def test_an_offset_is_added_from_its_instant_on() -> None:
    switches = Switches(offsets=(Step("credits", 40, NOON + 10 * MINUTE),))

    assert [shown(switches, m) - truth(NOON + m * MINUTE) for m in (9, 10, 99)] == [0, 40, 40]


def test_a_step_does_not_touch_another_meter() -> None:
    switches = Switches(offsets=(Step("credits", 40, NOON),), corrections=(Step("invocations", 7, NOON),))

    assert shown(switches, 5, meter="requests") == truth(NOON + 5 * MINUTE)


def test_a_reset_forgets_the_steps_before_it() -> None:
    switches = Switches(offsets=(Step("credits", 40, NOON + 9 * MINUTE),), resets=(NOON + 10 * MINUTE,))

    assert shown(switches, 10) == 1


def test_a_counter_is_never_shown_below_zero() -> None:
    assert shown(Switches(corrections=(Step("credits", 9_999, NOON),)), 5) == 0


def test_a_glitch_is_shown_to_its_request_alone() -> None:
    switches = Switches(glitches=(Glitch("credits", 0, 2),))

    assert [shown(switches, 5, index) for index in (1, 2, 3)] == [1_006, 0, 1_006]


def test_a_glitch_does_not_touch_another_meter() -> None:
    assert shown(Switches(glitches=(Glitch("credits", 0, 2),)), 5, 2, "requests") == 1_006


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param(None, [True, True, True], id="always"),
        pytest.param(2, [True, True, False], id="twice"),
        pytest.param(0, [False, False, False], id="never"),
    ],
)
def test_times_bounds_the_disturbed_requests(times: int | None, expected: list[bool]) -> None:
    assert [Switches(times=times).disturbs(index) for index in range(3)] == expected


REFUSED: list[tuple[str, Callable[[], object], str]] = [
    ("status", lambda: Switches(status=418), "401, 403, 429, 500, 503"),
    ("malformed", lambda: Switches(malformed="odd"), ", ".join(NAMES)),
    ("negative times", lambda: Switches(times=-1), "0 or more"),
    ("negative window", lambda: Switches(window=-1), "0 to 10000"),
    ("huge window", lambda: Switches(window=10_001), "0 to 10000"),
    ("negative latency", lambda: Switches(latency=-MINUTE), "0 to 600 seconds"),
    ("huge latency", lambda: Switches(latency=11 * MINUTE), "0 to 600 seconds"),
    ("header injection", lambda: Switches(retry_after="1\r\nSet-Cookie: a=b"), "printable ASCII"),
    ("not ASCII", lambda: Switches(retry_after="später"), "printable ASCII"),
    ("naive reset", lambda: Switches(resets=(NOON.replace(tzinfo=None),)), "time zone"),
    ("naive step", lambda: Step("credits", 1, NOON.replace(tzinfo=None)), "time zone"),
    ("unknown meter of a step", lambda: Step("euros", 1, NOON), "invocations, requests, credits"),
    ("unknown meter of a glitch", lambda: Glitch("euros", 1, 1), "invocations, requests, credits"),
    ("negative index", lambda: Glitch("credits", 1, -1), "counted from 0"),
]


@pytest.mark.parametrize(("make", "words"), [pytest.param(make, words, id=name) for name, make, words in REFUSED])
def test_an_impossible_switch_is_refused_with_what_is_possible(make: Callable[[], object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


def test_requests_are_counted_per_account() -> None:
    board = Switchboard()

    assert [board.take(account)[1] for account in ("a", "b", "a", "a", "b")] == [0, 0, 1, 2, 1]


def test_new_switches_count_from_zero_again() -> None:
    board = Switchboard()
    board.take("a")
    board.put(Switches(status=500))

    assert board.take("a") == (Switches(status=500), 0)


def test_no_request_is_counted_twice_between_threads() -> None:
    board = Switchboard()

    with ThreadPoolExecutor(8) as pool:
        indexes = sorted(pool.map(lambda _: board.take("a")[1], range(400)))

    assert indexes == list(range(400))
