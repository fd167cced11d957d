"""``collector reports`` as a user has it, with the real renderer and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from tests.app.console import Console, Printed
from tests.notifications.sink import Sink
from tests.upstream import Upstream

REPORTS = """
[notify]
allow_private = true
[[reports]]
name = "daily-mail"
report = "daily"
schedule = { every = "day", at = "07:00" }
formats = ["html", "csv"]
to = [{ env = "REPORT_MAIL_URL" }]
[[reports]]
name = "statement"
report = "month"
schedule = { every = "month", at = "07:00" }
"""
CANARY = "Canary-0123456789"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as found:
        yield found


@pytest.fixture
def mailing(console: Console, upstream: Upstream, sink: Sink) -> Console:
    """A command line with two reports and one poll of each account."""
    console.configure(upstream.url, extra=REPORTS)
    console.set("REPORT_MAIL_URL", sink.url("ann@example.com"))
    console.good("poll")
    return console


def row(console: Console) -> dict[str, object]:
    found: dict[str, object] = console.json("reports", "list")[0]
    return found


def test_list_tells_what_was_never_due(mailing: Console) -> None:
    found = row(mailing)
    assert (found["report"], found["schedule"], found["result"]) == ("daily-mail", "daily at 07:00, UTC", "not yet due")
    assert found["next_at"] is not None


def test_list_without_reports_says_how_to_have_one(console: Console) -> None:
    done = console.good("reports", "list")
    assert (done.out, "[[reports]]" in done.err) == ("", True)


def test_run_makes_the_files_and_says_where(mailing: Console) -> None:
    done = mailing.good("reports", "run", "daily-mail")
    names = [line.rpartition("/")[2].rpartition(".")[2] for line in done.lines]
    assert names == ["html", "csv"]
    assert row(mailing)["result"] == "not yet due"


def test_run_that_sends_is_listed_and_sends_once(mailing: Console, sink: Sink) -> None:
    first = mailing.good("reports", "run", "daily-mail", "--send")
    again = mailing.good("reports", "run", "daily-mail", "--send")
    assert "env REPORT_MAIL_URL: sent" in first.out
    assert "made before" in again.out
    assert sink.reached == ["ann@example.com"]
    found = mailing.good("reports", "list")
    assert "env REPORT_MAIL_URL: sent" in " ".join(found.out.split())


def test_trial_arrives_labelled(mailing: Console, sink: Sink) -> None:
    done = mailing.good("reports", "test", "daily-mail")
    letter = sink.accepted[0][1]
    html = letter.get_body(("html",))
    assert isinstance(html, EmailMessage)
    assert str(letter["Subject"]).startswith("[Trial] ")
    assert "This is a trial" in html.get_content()
    assert done.lines == ["env REPORT_MAIL_URL: sent a trial"]
    assert row(mailing)["deliveries"] == []


@pytest.mark.parametrize("words", [("run", "daily-mail", "--send"), ("test", "daily-mail")], ids=" ".join)
def test_failure_is_told_without_the_address(mailing: Console, words: tuple[str, ...]) -> None:
    mailing.set("REPORT_MAIL_URL", f"mailto://me:{CANARY}@127.0.0.1:1/?from=r@example.com&to=ann@example.com")
    done: Printed = mailing.run("reports", *words)
    listed = mailing.good("reports", "list").out
    assert (done.code, "cannot be reached" in done.err) == (1, True)
    assert CANARY not in done.out + done.err + listed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "nothing"), "no report is called 'nothing' (configured: daily-mail, statement)"),
        (("run", "statement", "--period", "2999-01"), "is not over"),
        (("run", "statement", "--period", "soon"), "has no period 'soon'"),
        (("run", "statement", "--send"), "nobody to send it to"),
        (("test", "statement"), "nobody to send it to"),
    ],
)
def test_what_cannot_be_meant_is_refused(mailing: Console, words: tuple[str, ...], message: str) -> None:
    done = mailing.run("reports", *words)
    assert (done.code, message in done.err) == (2, True)
