"""``status`` and ``can-spend``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

from collector.app.status import age_words
from tests.app.console import NELLIE_KEY, Console
from tests.upstream import NECTED, NELLIE, Upstream, listed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATUS_KEYS = (
    "account",
    "provider",
    "meter",
    "unit",
    "value",
    "observed_at",
    "age_seconds",
    "today",
    "per_day",
    "quota",
    "used",
    "remaining",
    "exhaustion",
    "exhausts_on",
    "outlook",
    "health",
    "flags",
    "error",
    "next_poll_at",
    "configured",
    "missed_requests",
    "unexplained",
    "poll_every_seconds",
    "probability",
    "warn_on",
    "in_short",
)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock, standing at noon."""
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def status_of(console: Console, meter: str) -> dict[str, object]:
    found: dict[str, object] = next(row for row in console.json("status") if row["meter"] == meter)
    return found


class TestStatus:
    def test_has_stable_keys(self, console: Console) -> None:
        before = console.json("status")
        console.good("poll")
        assert {tuple(row) for row in (*before, *console.json("status"))} == {STATUS_KEYS}

    def test_of_accounts_never_polled_has_a_line_each(self, console: Console) -> None:
        rows = console.json("status")
        assert [(row["account"], row["meter"], row["health"]) for row in rows] == [
            ("nected", None, "never polled"),
            ("nellie", None, "never polled"),
        ]

    def test_has_a_line_for_every_meter(self, console: Console) -> None:
        console.good("poll")
        rows = [(row["account"], row["meter"], row["value"]) for row in console.json("status")]
        assert rows == [("nected", "invocations", 1000), ("nellie", "credits", 8750), ("nellie", "requests", 42)]

    def test_tells_the_age_of_the_last_value(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(180)
        assert status_of(console, "credits")["age_seconds"] == 180

    def test_tells_what_was_used_today(
        self, console: Console, upstream: Upstream, clock: time_machine.Traveller
    ) -> None:
        console.good("poll")
        clock.shift(7200)
        upstream.invocations += 30
        console.good("poll")
        row = status_of(console, "invocations")
        assert (row["today"], row["per_day"]) == (30, 360.0)

    def test_of_yesterday_s_value_says_nothing_of_today(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(86_400)
        assert status_of(console, "credits")["today"] is None

    def test_is_printed_as_a_table(self, console: Console) -> None:
        console.good("poll")
        lines = console.good("status").lines
        assert lines[0].split()[:4] == ["account", "meter", "value", "age"]
        assert len(lines) == 4

    def test_does_not_depend_on_the_width_of_a_terminal_in_a_pipe(self, console: Console) -> None:
        console.good("poll")
        console.set("COLUMNS", "20")
        assert len(console.good("status").lines) == 4

    def test_is_in_order_of_accounts_and_meters(self, console: Console) -> None:
        console.good("poll", "nected")
        rows = console.json("status")
        assert [(row["account"], row["health"]) for row in rows] == [("nected", "ok"), ("nellie", "never polled")]

    def test_of_chosen_meters_leaves_out_who_has_none(self, console: Console) -> None:
        console.good("poll", "nected")
        assert [row["account"] for row in console.json("status", "--meter", "invocations")] == ["nected"]


class TestHealth:
    def test_is_ok_after_a_good_poll(self, console: Console) -> None:
        console.good("poll")
        assert {row["health"] for row in console.json("status")} == {"ok"}

    def test_is_stale_after_three_intervals(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(901)
        assert {row["health"] for row in console.json("status")} == {"stale"}

    def test_is_held_while_a_fall_waits(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.invocations = 3
        console.good("poll")
        assert status_of(console, "invocations")["health"] == "held"

    def test_is_failing_after_a_failed_poll(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.refuse(NECTED, 401)
        console.run("poll")
        row = status_of(console, "invocations")
        assert (row["health"], row["value"]) == ("failing", 1000)
        assert "rejected" in str(row["error"])

    def test_tells_what_was_missed_in_the_last_seven_days(self, console: Console, upstream: Upstream) -> None:
        upstream.listed = [listed("r-1")]
        console.good("poll")
        upstream.say(requests=47, credits=9250)
        upstream.listed = [listed("r-6", createdAt="2026-02-28T11:30:00Z")]
        console.good("poll")
        row = status_of(console, "credits")
        assert (row["missed_requests"], row["unexplained"]) == (4, 250)
        assert "nellie: 4 requests of the last 7 days were missed" in console.good("status").out

    def test_of_an_account_without_a_list_tells_nothing_of_one(self, console: Console) -> None:
        console.good("poll")
        row = status_of(console, "invocations")
        assert (row["missed_requests"], row["unexplained"], row["poll_every_seconds"]) == (None, None, 300)

    def test_tells_the_interval_that_is_kept_now(
        self, console: Console, upstream: Upstream, clock: time_machine.Traveller
    ) -> None:
        for minute in range(2):
            upstream.say(requests=1000 + 20 * minute, credits=0)
            upstream.listed = [listed(f"r-{20 * minute + one}") for one in range(20)]
            console.good("poll")
            clock.shift(60)
        assert status_of(console, "requests")["poll_every_seconds"] == 30

    def test_is_failing_without_any_value(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NECTED, 401)
        console.run("poll")
        row = console.json("status")[0]
        assert (row["account"], row["health"]) == ("nected", "failing")

    def test_tells_since_when_the_figures_are_stale(
        self, console: Console, upstream: Upstream, clock: time_machine.Traveller
    ) -> None:
        console.good("poll")
        upstream.refuse(NELLIE, 503)
        clock.shift(600)
        console.run("poll")
        last = console.good("status").lines[-1]
        assert last.startswith(
            "nellie: stale since 2026-03-01T12:00:00Z; the last poll failed: asked http://127.0.0.1:"
        )

    def test_tells_the_reason_once_although_it_concerns_two_meters(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.refuse(NELLIE, 403)
        console.run("poll")
        assert sum("valid but not allowed" in line for line in console.good("status").lines) == 1

    def test_tells_that_there_is_no_value_yet(self, console: Console, upstream: Upstream) -> None:
        upstream.refuse(NELLIE, 403)
        console.run("poll")
        assert console.good("status").lines[-1].startswith("nellie: no value yet; the last poll failed: ")

    def test_is_not_failing_after_an_interrupted_poll(self, console: Console) -> None:
        console.good("poll")
        with console.database() as database, database.write() as connection:
            connection.exec_driver_sql("UPDATE poll SET outcome = 'interrupted', error = 'we were stopped'")
        assert {(row["health"], row["error"]) for row in console.json("status")} == {("ok", None)}

    def test_is_failing_while_our_clock_is_wrong(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(-3600)
        console.run("poll")
        clock.shift(3600)
        assert {row["health"] for row in console.json("status")} == {"failing"}

    def test_is_paused_where_somebody_paused_it(self, console: Console) -> None:
        console.good("poll")
        with console.database() as database, database.write() as connection:
            connection.exec_driver_sql("UPDATE account SET paused_reason = 'holidays'")
        assert {row["health"] for row in console.json("status")} == {"paused"}

    def test_of_an_account_that_nobody_configures_any_more_says_so(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        console.write(f'[[accounts]]\nname = "nellie"\nprovider = "nellie"\nbase_url = "{upstream.url}"\n')
        row = status_of(console, "invocations")
        assert (row["health"], row["configured"], row["value"]) == ("not configured", False, 1000)

    def test_goes_with_what_deserves_a_review(self, console: Console) -> None:
        console.good("poll")
        assert status_of(console, "credits")["flags"] == ["coverage_gap"]
        assert "ok, coverage_gap" in console.good("status").out

    def test_never_shows_the_key(self, console: Console, upstream: Upstream) -> None:
        upstream.answers[NELLIE] = lambda: (200, {}, {"success": False, "error": NELLIE_KEY})
        console.run("poll")
        assert "[key removed]" in console.good("status").out


def test_history_without_any_account_is_explained(console: Console) -> None:
    console.write('[database]\nurl = "sqlite:///usage.db"\n')
    done = console.good("status")
    assert done.out == ""
    assert "collector init" in done.err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_age_is_told_in_its_largest_sensible_unit(seconds: int | None, words: str) -> None:
    assert age_words(seconds) == words


LIFETIME = "[accounts.meters.{}]\nquota = {{ lifetime = {} }}"


class TestCanSpend:
    @pytest.fixture(autouse=True)
    def _quota(self, console: Console, upstream: Upstream) -> None:
        console.configure(upstream.url, nected=LIFETIME.format("invocations", 1500))

    def test_says_yes(self, console: Console) -> None:
        console.good("poll")
        done = console.run("can-spend", "nected", "500")
        assert done.code == 0
        assert done.out.startswith("yes: 500 invocations left on nected, 500 wanted")

    def test_says_no(self, console: Console) -> None:
        console.good("poll")
        done = console.run("can-spend", "nected", "501")
        assert done.code == 3
        assert done.out.startswith("no: 500 invocations left on nected, 501 wanted")

    def test_says_so_in_json(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(60)
        done = console.run("can-spend", "nected", "501", "--json")
        assert done.code == 3
        assert done.rows == {
            "account": "nected",
            "meter": "invocations",
            "unit": "invocations",
            "amount": 501,
            "remaining": 500,
            "allowed": False,
            "observed_at": "2026-03-01T12:00:00Z",
            "age_seconds": 60,
            "complete": True,
            "held": False,
        }

    def test_understands_parts_of_a_unit(self, console: Console) -> None:
        console.good("poll")
        assert console.run("can-spend", "nected", "499.5", "--json").rows["amount"] == "499.5"
        assert console.run("can-spend", "nected", "500.5").code == 3

    def test_without_a_value_cannot_tell(self, console: Console) -> None:
        done = console.run("can-spend", "nected", "1")
        assert done.code == 4
        assert "collector poll nected" in done.err

    def test_with_an_old_value_cannot_tell(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(901)
        done = console.run("can-spend", "nected", "1")
        assert done.code == 4
        assert "901 s old" in done.err

    def test_takes_a_value_as_old_as_it_may_be(self, console: Console, clock: time_machine.Traveller) -> None:
        console.good("poll")
        clock.shift(86_000)
        assert console.run("can-spend", "nected", "1", "--max-age", "1d").code == 0

    def test_of_a_period_that_just_began_cannot_tell(
        self, console: Console, upstream: Upstream, clock: time_machine.Traveller
    ) -> None:
        console.configure(
            upstream.url,
            nected='poll_every = "24h"\n[accounts.billing]\nperiod = "daily"\n[accounts.meters.invocations]\nquota = 9',
        )
        console.good("poll")
        clock.shift(50_000)
        assert console.run("can-spend", "nected", "1").code == 4

    def test_notes_what_it_could_not_see(
        self, console: Console, upstream: Upstream, clock: time_machine.Traveller
    ) -> None:
        period = '[accounts.billing]\nperiod = "monthly"\n[accounts.meters.invocations]\nquota = 9000'
        console.configure(upstream.url, nected=period)
        console.good("poll")
        assert "earlier usage is not counted" in console.good("can-spend", "nected", "1").err

    def test_notes_a_fall_that_is_not_decided(self, console: Console, upstream: Upstream) -> None:
        console.good("poll")
        upstream.invocations = 3
        console.good("poll")
        assert "nothing is decided yet" in console.good("can-spend", "nected", "1").err

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (("nobody", "1"), "nected, nellie"),
            (("nellie", "1"), "declares no quota"),
            (("nected", "1", "--meter", "credits"), "declares no quota for credits"),
            (("nected", "many"), "such as 500"),
            (("nected", "1e9"), "such as 500"),
            (("nected", "1_000"), "such as 500"),
            (("nected", "NaN"), "such as 500"),
            (("nected", "inf"), "such as 500"),
            (("nected", "--", "-5"), "such as 500"),
            (("nected", "1", "--max-age", "soon"), "duration"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_refuses_what_it_does_not_understand(self, words: tuple[str, ...], says: str, console: Console) -> None:
        console.good("poll")
        done = console.run("can-spend", *words)
        assert done.code == 2
        assert says in done.err

    def test_of_several_quotas_wants_to_know_which(self, console: Console, upstream: Upstream) -> None:
        both = "\n".join(LIFETIME.format(meter, 9000) for meter in ("requests", "credits"))
        console.configure(upstream.url, nellie=both)
        console.good("poll")
        assert console.run("can-spend", "nellie", "1").code == 2
        assert console.run("can-spend", "nellie", "1", "--meter", "credits").code == 0
