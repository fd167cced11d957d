"""The rows of payloads: counters that fall or jump, and records that are odd, as stored, logged, returned and seen.

What cannot be read at all (P1 to P9) is played with the faults of HTTP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from collector.http.strict_json import load_json
from tests.app.payload_rows import FALLS, Fall
from tests.faults.stage import ACCOUNT, Run, Stage, invocations, usage
from tests.http.fault_server import json_response, raw, response
from tests.providers.test_fault_rows import P_ROWS, Accepted, Case, record

MARKED = pytest.mark.fault


def marked(row: str, *values: object, name: str = "") -> Any:
    return pytest.param(*values, id=f"{row} {name}", marks=MARKED(row))


def polled(stage: Stage, *answers: Any) -> list[Run]:
    """Poll once for each answer."""
    runs = []
    for answer in answers:
        stage.plays(answer)
        runs.append(stage.poll("--force"))
    return runs


def flags(stage: Stage) -> list[list[str]]:
    return [json.loads(row.flags) for row in stage.polls]


def daemon_log(stage: Stage, *answers: Any) -> list[dict[str, Any]]:
    """Let a daemon hear one answer after the other, and return what it logged of them."""
    stage.configure(account='poll_every = "1s"', http='deadline = "1s"')
    stage.plays(*answers)
    done = stage.daemon(lambda: len(stage.polls) >= len(answers))
    assert done.code == 0
    return [line for line in done.log if line.get("account") == ACCOUNT]


@pytest.mark.parametrize("fall", [marked(fall.fault, fall, name=fall.variant) for fall in FALLS])
def test_counter_that_falls_is_booked_by_the_ledgers_rules(fall: Fall, stage: Stage) -> None:
    stage.configure(provider="nected")
    runs = polled(stage, *map(invocations, fall.said))
    assert {run.code for run in runs} == {0}
    days = stage.run("report", "daily", "--json").rows
    assert (sum(day["usage"] for day in days), sum(day["held"] for day in days)) == (fall.booked, fall.held)
    assert tuple(row["kind"] for row in stage.run("resets", "list", "--json").rows) == fall.decided
    assert [row["health"] for row in stage.seen] == ["held" if fall.held else "ok"]
    assert stage.run("verify").code == 0


@MARKED("P12")
def test_reset_leaves_the_upper_bound_open(stage: Stage) -> None:
    stage.configure(provider="nected")
    polled(stage, *map(invocations, (700, 800, 0, 0, 30)))
    (day,) = stage.run("report", "daily", "--json").rows
    assert (day["lower"], day["usage"], day["upper"], day["resets"]) == (130, 130, None, 1)


@MARKED("P11", "P13")
def test_fall_is_logged_once(stage: Stage) -> None:
    stage.configure(provider="nected")
    stage.configure(provider="nected", account='poll_every = "1s"', http='deadline = "1s"')
    stage.plays(*map(invocations, (8750, 0, 8760)))
    done = stage.daemon(lambda: len(stage.polls) >= 3)
    fell = [line["decided"] for line in done.log if line["event"] == "the counter fell"]
    assert fell == ["held", "glitch"]


DECLARED = '[accounts.billing]\nperiod = "daily"\n[accounts.meters.invocations]\nresets = "period"'


@MARKED("P14")
@pytest.mark.parametrize(
    ("terms", "usage_", "resets"),
    [
        pytest.param("", 150, 0, id="undeclared it cannot be seen"),
        pytest.param(
            '[accounts.billing]\nperiod = "daily"\n[accounts.meters.invocations]\nresets = "period"',
            450,
            1,
            id="declared",
        ),
    ],
)
def test_reset_that_growth_hides_is_found_where_it_is_declared(
    terms: str, usage_: int, resets: int, stage: Stage
) -> None:
    stage.configure(provider="nected", account=terms)
    with time_machine.travel(datetime(2026, 3, 1, 23, 50, tzinfo=UTC), tick=True) as travel:
        polled(stage, invocations(300))
        travel.shift(timedelta(minutes=20))
        polled(stage, invocations(450))
        days = stage.run("report", "daily", "--json").rows
        assert (sum(day["usage"] for day in days), sum(day["resets"] for day in days)) == (usage_, resets)
        assert stage.run("verify").code == 0


def with_history(stage: Stage) -> None:
    """Import a counter that grew by ten every five minutes, from 100 to 320, long ago."""
    began = datetime(2026, 3, 1, 12, tzinfo=UTC)
    times = [began + number * timedelta(minutes=5) for number in range(23)]
    rows = [f"{ACCOUNT},invocations,{at:%FT%TZ},{100 + 10 * number}" for number, at in enumerate(times)]
    (stage.folder / "history.csv").write_text("\n".join(["account,meter,observed_at,value", *rows]) + "\n")
    done = stage.run("import", "history.csv")
    assert done.code == 0, done.err


@MARKED("P15")
@pytest.mark.parametrize(
    "jump", [pytest.param(8000, id="a jump"), pytest.param(8_750_000, id="x1000", marks=MARKED("P17"))]
)
def test_growth_far_above_the_usual_is_booked_and_flagged(jump: int, stage: Stage) -> None:
    stage.configure(provider="nected")
    with_history(stage)
    runs = polled(stage, *map(invocations, (330, 330 + jump, 340 + jump)))
    assert {run.code for run in runs} == {0}
    assert [run.rows[0]["flags"] for run in runs] == [[], ["spike"], []]
    days = stage.run("report", "daily", "--json").rows
    assert sum(day["usage"] for day in days) == 340 + jump - 100
    assert stage.run("verify").code == 0


AT_MOST_200 = "[accounts.meters.invocations]\nmax_per_hour = 200\n"
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
CALM = 10 * 8 * 24 * 12
"""Where the counter stands after eight days of ten units in five minutes."""
USUAL = 10 * 12 * 24
"""What it grows in a day."""


def jumped(stage: Stage, factor: int = 0, jump: int = 8000) -> int:
    """Let eight calm days be imported and a counter be polled that jumps at noon; return its value after the jump."""
    stage.configure(provider="nected", account=f"{AT_MOST_200}quota = 1000000\n[accounts.billing]\nperiod = 'monthly'")
    began = NOON - timedelta(days=8)
    times = [began + number * timedelta(hours=1) for number in range(8 * 24)]
    rows = [f"{ACCOUNT},invocations,{at:%FT%TZ},{120 * number}" for number, at in enumerate(times)]
    (stage.folder / "history.csv").write_text("\n".join(["account,meter,observed_at,value", *rows]) + "\n")
    done = stage.run("import", "history.csv")
    assert done.code == 0, done.err
    after = CALM * factor if factor else CALM + jump
    with time_machine.travel(NOON, tick=True) as travel:
        polled(stage, invocations(CALM - 10))
        travel.shift(timedelta(minutes=5))
        (run,) = polled(stage, invocations(after))
        assert run.rows[0]["flags"] == ["spike"]
        travel.shift(timedelta(minutes=5))
        polled(stage, invocations(after + 10))
    return after


def at_noon(stage: Stage, *words: str) -> Run:
    with time_machine.travel(NOON + timedelta(minutes=15), tick=True):
        return stage.run(*words)


def rates(stage: Stage) -> list[float]:
    return [row["per_day"] for row in at_noon(stage, "report", "burn", "--json").rows]


def outlook(stage: Stage) -> dict[str, Any]:
    (row,) = at_noon(stage, "report", "exhaustion", "--json").rows
    return dict(row)


@MARKED("P15")
def test_a_spike_is_in_usage_and_in_no_burn_rate_until_it_is_confirmed(stage: Stage) -> None:
    jumped(stage)
    burn = at_noon(stage, "report", "burn", "--json").rows
    assert [row["usage"] > 8000 for row in burn] == [True] * len(burn)
    assert [row["per_day"] for row in burn] == pytest.approx([USUAL] * len(burn), rel=0.02)
    (spike,) = at_noon(stage, "resets", "list", "--json").rows
    assert (spike["kind"], spike["before"], spike["after"]) == ("spike", CALM - 10, CALM + 8000)
    decided = at_noon(stage, "resets", "decide", spike["id"], "--as", "growth", "--reason", "a batch job", "--json")
    assert [row["kind"] for row in decided.rows] == ["growth"]
    assert min(rates(stage)) > 1.2 * USUAL
    assert [row["kind"] for row in at_noon(stage, "resets", "list", "--json").rows] == ["growth"]
    assert stage.run("verify").code == 0


@MARKED("P15")
def test_no_forecast_learns_from_a_spike_until_it_is_confirmed(stage: Stage) -> None:
    after = jumped(stage)
    doubted = outlook(stage)
    assert doubted["used"] == after + 10
    assert doubted["per_day"] == pytest.approx(USUAL, rel=0.02)
    assert "left out an unconfirmed spike of 8,010 at 2026-03-20 12:05:" in doubted["reason"]
    # The day of the spike is over only tomorrow: then it is one of those that a forecast learns from.
    with time_machine.travel(NOON + timedelta(days=1), tick=True):
        polled(stage, invocations(after + USUAL))
        (row,) = stage.run("report", "exhaustion", "--json").rows
        assert row["per_day"] == pytest.approx(USUAL, rel=0.05)
        (spike,) = stage.run("resets", "list", "--json").rows
        stage.run("resets", "decide", spike["id"], "--as", "growth", "--reason", "a batch job")
        (row,) = stage.run("report", "exhaustion", "--json").rows
        assert row["per_day"] > 1.1 * USUAL
        assert "spike" not in (row["reason"] or "")


@MARKED("P17")
def test_a_change_of_unit_splits_the_epoch_by_the_operators_decision(stage: Stage) -> None:
    jumped(stage, factor=1000)
    (spike,) = at_noon(stage, "resets", "list", "--json").rows
    decided = at_noon(stage, "resets", "decide", spike["id"], "--as", "unit", "--reason", "now in thousandths")
    assert decided.code == 0, decided.err
    days = at_noon(stage, "report", "daily", "--json").rows
    assert sum(day["usage"] for day in days) == CALM - 10 + 0 + 10
    assert (sum(day["resets"] for day in days), days[-1]["upper"]) == (1, None)
    assert max(rates(stage)) < 1.1 * USUAL
    assert "spike" not in outlook(stage)["reason"]
    assert stage.run("verify").code == 0


@MARKED("P15", "P17", "P19", "H25")
@pytest.mark.parametrize("form", ["table", "md", "html"])
@pytest.mark.parametrize("report", ["daily", "burn", "exhaustion", "trend", "month"])
def test_flags_are_shown_where_the_figures_are(report: str, form: str, stage: Stage) -> None:
    jumped(stage)
    period = ["--period", "2026-03"] if report == "month" else []
    done = at_noon(stage, "report", report, *period, "--format", form)
    assert done.code == 0, done.err
    assert "spike" in done.out
    assert "deserve a review" in done.out or "flagged spike (1)" in done.out


@MARKED("P15")
@pytest.mark.parametrize("report", ["daily", "burn", "exhaustion"])
@pytest.mark.parametrize("form", ["json", "csv"])
def test_columns_for_programs_do_not_change_for_a_flag(report: str, form: str, stage: Stage) -> None:
    jumped(stage)
    assert "flag" not in at_noon(stage, "report", report, "--format", form).out


@MARKED("P15")
def test_growth_of_a_long_silence_is_no_spike(stage: Stage) -> None:
    stage.configure(provider="nected")
    with_history(stage)
    polled(stage, invocations(320 + 8000))
    assert flags(stage)[-1] == [], "the history is months old"


# Numbers that the loader refuses with the whole answer (P9), and a list that says no more than a shorter one.
NOT_ON_THE_WIRE = {"creditsUsed 5000 digits", "creditsUsed 1E+99999999", "1000 entries"}
STANDING = [
    marked(row, case, name=case.name)
    for row, cases in P_ROWS.items()
    for case in cases
    if isinstance(case.expected, Accepted) and case.provider == "nellie" and case.name not in NOT_ON_THE_WIRE
]
REFUSED = [
    marked(row, case, name=f"{case.provider} {case.name}")
    for row in ("P18", "P21", "P29")
    for case in P_ROWS[row]
    if isinstance(case.expected, str)
]


@pytest.mark.parametrize("case", STANDING)
def test_answer_stands_and_what_is_odd_is_counted_or_flagged(case: Case, stage: Stage) -> None:
    expected = case.expected
    assert isinstance(expected, Accepted)
    (done,) = polled(stage, body_of(case.payload))
    assert done.code == 0
    (poll,) = stage.polls
    assert (poll.outcome, poll.rejected_requests) == ("ok", len(expected.refused))
    assert [one[0] for one in json.loads(poll.rejections or "[]")] == list(expected.refused)
    assert json.loads(poll.flags) == list(expected.flags) == done.rows[0]["flags"]
    assert sorted(row.request_id for row in stage.requests) == sorted(expected.ids)
    assert [row.value for row in stage.snapshots] == [42, 8750]
    assert {tuple(row["flags"]) for row in stage.seen} == {expected.flags}
    listed = stage.run("report", "requests", "--json").rows
    assert sorted(row["request_id"] for row in listed) == sorted(expected.ids)


@pytest.mark.parametrize("case", REFUSED)
def test_answer_that_contradicts_itself_changes_nothing(case: Case, stage: Stage) -> None:
    polled(stage, usage(41, 8740, [record("r-0")]))
    before = stage.facts
    (done,) = polled(stage, body_of(case.payload))
    assert (done.code, stage.outcomes) == (1, ["ok", case.expected])
    assert stage.facts == before
    assert 0 < len(stage.polls[-1].body) <= 4096
    assert {row["health"] for row in stage.seen} == {"failing"}


def body_of(payload: object) -> Any:
    return raw(response(json.dumps(plain(payload)).encode()))


def plain(value: object) -> object:
    """Return a payload as JSON has it: our decimals as numbers."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if type(value).__name__ == "Decimal" else value  # type: ignore[arg-type]  # a Decimal


@MARKED("P9")
@pytest.mark.parametrize("digits", [b"1E+1000000", b"1E+99999999", b"9" * 1_000_000, b"-" + b"9" * 5000])
def test_number_bomb_costs_no_time(digits: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Exception, match=r"number|digits|large|long|integer"):
        load_json(b'{"totalRequests": ' + digits + b"}")
    assert time.process_time() - began < 5


@MARKED("P10")
def test_unchanged_counter_is_a_real_zero(stage: Stage) -> None:
    stage.configure(provider="nected")
    polled(stage, invocations(8750), invocations(8750))
    (day,) = stage.run("report", "daily", "--json").rows
    assert (day["usage"], day["lower"], day["snapshots"] > 0) == (0, 0, True)


@MARKED("P16")
def test_unknown_field_is_told_once(stage: Stage) -> None:
    log = daemon_log(stage, usage(0, 8740, zone="eu"), usage(0, 8740, zone="eu"), usage(0, 8740, zone="eu"))
    told = [line for line in log if "fields" in line]
    assert [(line["level"], line["fields"]) for line in told] == [("info", ["zone"])]


@MARKED("P20")
def test_record_listed_twice_is_told_once(stage: Stage) -> None:
    twice = usage(1, 8740, [record("r-1"), record("r-1")])
    log = daemon_log(stage, twice, twice)
    assert [row.request_id for row in stage.requests] == ["r-1"]
    told = [line for line in log if "twice" in line["event"]]
    assert [(line["level"], line["repeated_requests"]) for line in told] == [("info", 1)]


@MARKED("P22")
def test_record_refused_alone_is_told(stage: Stage) -> None:
    bad = usage(2, 8740, [record("r-1"), record("")])
    log = daemon_log(stage, bad, bad)
    told = [line for line in log if "rejected_requests" in line]
    assert [(line["level"], line["rejected_requests"]) for line in told] == [("warning", 1)]


@MARKED("P24")
def test_unknown_status_is_kept_and_flagged_once(stage: Stage) -> None:
    odd = usage(2, 8740, [record("r-1", status="<script>"), record("r-2", status="COMPLETED")])
    runs = polled(stage, odd, odd, usage(3, 8740, [record("r-3", status="queued")]))
    assert [run.rows[0]["flags"] for run in runs[:2]] == [["unknown_status"], []]
    assert sum("unknown_status" in found for found in flags(stage)) == 1
    assert {row.status for row in stage.requests} == {"<script>", "COMPLETED", "queued"}


LATER = "2025-12-03T11:55:00Z"
TURNS: Sequence[tuple[str, str, dict[str, object]]] = (
    ("P25", "regression", {"status": "processing", "completedAt": None}),
    ("P26", "conflict", {"status": "failed"}),
    ("P26", "conflict", {"creditsUsed": 251}),
    ("P26", "conflict", {"completedAt": LATER}),
)


@pytest.mark.parametrize(
    ("kind", "change"), [marked(row, kind, change, name=" ".join(change)) for row, kind, change in TURNS]
)
def test_end_that_is_taken_back_is_kept_aside_and_flagged(kind: str, change: dict[str, object], stage: Stage) -> None:
    turned = usage(1, 8740, [record("r-1", **change)])
    runs = polled(stage, usage(1, 8740, [record("r-1")]), turned, turned)
    assert {run.code for run in runs} == {0}
    (row,) = stage.requests
    assert (row.status, row.credits_used) == ("completed", 250)
    assert [one.kind for one in stage.table("usage_request_change")] == ["new", kind]
    assert [kind in found for found in flags(stage)] == [False, True, False], "flagged when it is news"
    assert stage.run("verify").code == 0


@MARKED("P25", "P26")
def test_end_that_is_taken_back_is_logged(stage: Stage) -> None:
    first, turned = usage(1, 8740, [record("r-1")]), usage(1, 8740, [record("r-1", status="failed")])
    log = daemon_log(stage, first, turned)
    assert [line["flags"] for line in log if line["level"] == "warning" and "flags" in line] == [["conflict"]]


@MARKED("P27")
def test_time_in_the_future_is_flagged(stage: Stage) -> None:
    ahead = usage(1, 8740, [record("r-1", createdAt="2999-01-01T00:00:00Z", completedAt="2999-01-01T00:00:01Z")])
    (done,) = polled(stage, ahead)
    assert (done.code, done.rows[0]["flags"]) == (0, ["timestamps"])
    assert len(stage.requests) == 1


@MARKED("P29")
def test_list_that_becomes_shorter_is_flagged(stage: Stage) -> None:
    three = [record(f"r-{number}") for number in range(3)]
    runs = polled(stage, usage(3, 8740, list(three)), usage(3, 8740, list(reversed(three))), usage(3, 8740, [three[2]]))
    assert [run.rows[0]["flags"] for run in runs] == [[], [], ["window_changed"]]
    assert {tuple(row["flags"]) for row in stage.seen} == {("window_changed",)}


@MARKED("P30")
def test_growth_that_no_listed_request_explains_is_shown(stage: Stage) -> None:
    polled(stage, usage(1, 8740, [record("r-1")]), usage(5, 9740, [record("r-1"), record("r-2")]))
    poll = stage.polls[-1]
    assert (poll.outcome, poll.unmatched_requests, poll.unexplained) == ("ok", 3, 750)
    assert {(row["missed_requests"], row["unexplained"]) for row in stage.seen} == {(0, 750)}
    gaps = stage.run("report", "requests", "--gaps")
    assert (gaps.code, "750" in gaps.out) == (0, True)


@MARKED("P19")
def test_empty_list_of_a_busy_account_is_told_and_seen(stage: Stage) -> None:
    log = daemon_log(stage, json_response(P_ROWS["P19"][0].payload), json_response(P_ROWS["P19"][0].payload))
    assert [line["flags"] for line in log if "flags" in line] == [["coverage_gap"]], "told once, then once an hour"
    assert "coverage_gap" in stage.run("status").out
