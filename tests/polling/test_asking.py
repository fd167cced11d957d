from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.domain.accounts import Account
from collector.errors import AnswerRejectedError
from collector.polling.asking import ask, flags_of, skew_of
from collector.providers import provider_named
from tests.polling.canary import BASE64, KEY, RAW, leaks
from tests.polling.door import NOON, Door, answer, record, usage

NELLIE = provider_named("nellie")
MASK = "[key removed]"


def test_account_is_asked_at_its_address_with_its_key(make_account: Callable[..., Account]) -> None:
    door = Door(answer(usage()))
    account = make_account(base_url="https://api.example.com/v9/", allow_close_delimited=True)
    ask(door, account, NELLIE)
    assert door.asked == [("https://api.example.com/v9/v1/usage", "X-API-Key", account.key, True)]


def test_answer_is_understood(make_account: Callable[..., Account]) -> None:
    heard = ask(Door(answer(usage(7, 70))), make_account(), NELLIE)
    assert heard.answer.counters == {"requests": 7, "credits": 70}


def test_refused_answer_keeps_its_body(make_account: Callable[..., Account]) -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        ask(Door(answer({"success": False})), make_account(), NELLIE)
    assert refused.value.body == b'{"success": false}'


def spelt(text: str) -> str:
    """Return JSON in which the first letter of the key is an escape."""
    return json.dumps(text).replace(RAW[0], f"\\u{ord(RAW[0]):04x}", 1)


ECHOES = {
    "request id": json.dumps(usage(listed=[record(RAW)])),
    "status": json.dumps(usage(listed=[record(status=f"bad {RAW}")])),
    "request id in base64": json.dumps(usage(listed=[record(BASE64)])),
    "escaped letter": json.dumps(usage(listed=[record()])).replace('"r-1"', spelt(RAW)),
    "escaped slash": json.dumps(usage(listed=[record(RAW)])).replace("/", "\\/"),
}


@pytest.mark.parametrize("body", ECHOES.values(), ids=ECHOES)
def test_facts_are_read_without_the_key(body: str, make_account: Callable[..., Account]) -> None:
    heard = ask(Door(answer(body.encode())), make_account(key=KEY), NELLIE)
    assert MASK in heard.answer.requests[0].request_id + heard.answer.requests[0].status
    assert not leaks(repr(heard.answer))


def test_names_of_unknown_fields_are_read_without_the_key(make_account: Callable[..., Account]) -> None:
    body = {**usage(listed=[record(**{f"x-{RAW}": 1})]), RAW: {"deep": [RAW]}}
    assert ask(Door(answer(body)), make_account(key=KEY), NELLIE).answer.unknown_fields == (
        MASK,
        f"recentRequests[].x-{MASK}",
    )


def test_request_id_with_a_few_letters_of_the_key_is_a_fact(make_account: Callable[..., Account]) -> None:
    heard = ask(Door(answer(usage(listed=[record(RAW[:12])]))), make_account(key=KEY), NELLIE)
    assert heard.answer.requests[0].request_id == RAW[:12]


def heard_flags(make_account: Callable[..., Account], said: object, **fields: Any) -> tuple[str, ...]:
    return flags_of(ask(Door(answer(said, **fields)), make_account(), NELLIE))


@pytest.mark.parametrize(
    ("ahead", "flagged"),
    [(0, False), (60, False), (-60, False), (61, True), (-61, True)],
    ids=["none", "a minute fast", "a minute slow", "over a minute fast", "over a minute slow"],
)
def test_clock_that_differs_by_more_than_a_minute_is_flagged(
    ahead: int, flagged: bool, make_account: Callable[..., Account]
) -> None:
    flags = heard_flags(make_account, usage(0), server_date=NOON - timedelta(seconds=ahead))
    assert flags == (("clock_skew",) if flagged else ())


def test_skew_says_how_far_our_clock_is_ahead() -> None:
    assert skew_of(answer({}, server_date=NOON - timedelta(minutes=2))) == timedelta(minutes=2)


def test_server_without_a_date_has_no_skew() -> None:
    assert skew_of(answer({}, server_date=None)) is None


@pytest.mark.parametrize(("age", "flags"), [(None, ()), (0, ()), (1, ("cached_response",))])
def test_answer_out_of_a_cache_is_flagged(
    age: int | None, flags: tuple[str, ...], make_account: Callable[..., Account]
) -> None:
    assert heard_flags(make_account, usage(0), age_seconds=age) == flags


@pytest.mark.parametrize("field", ["createdAt", "completedAt"])
@pytest.mark.parametrize(
    ("hours", "flags"), [(24, ()), (24.001, ("timestamps",))], ids=["within a day", "later than that"]
)
def test_time_more_than_a_day_ahead_is_flagged(
    field: str, hours: float, flags: tuple[str, ...], make_account: Callable[..., Account]
) -> None:
    time = (NOON + timedelta(hours=hours)).isoformat()
    status = "processing" if field == "createdAt" else "completed"
    listed = record(status=status, **{"createdAt": None, "completedAt": None, field: time})
    assert heard_flags(make_account, usage(listed=[listed])) == flags


def test_all_flags_are_kept_in_order(make_account: Callable[..., Account]) -> None:
    late = datetime(2030, 1, 1, tzinfo=UTC).isoformat()
    flags = heard_flags(
        make_account,
        usage(listed=[record(status="queued", createdAt=late)]),
        age_seconds=9,
        server_date=NOON.replace(hour=1),
    )
    assert flags == ("cached_response", "clock_skew", "timestamps", "unknown_status")
