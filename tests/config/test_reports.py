from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path

import pytest

from collector.config import Missed, ReportFormat, ReportSettings, Settings, TargetSource, template
from collector.domain.periods import Billing, PeriodKind
from collector.domain.report_schedule import About, ReportKind
from collector.errors import ConfigError

Loaded = Callable[..., Settings]
Refused = Callable[..., str]
CANARY = "Canary-0123456789-sEcret"

ACCOUNTS = """
[[accounts]]
name = "a"
provider = "nellie"
timezone = "Europe/Berlin"
[[accounts]]
name = "b"
provider = "nected"
timezone = "America/New_York"
[accounts.billing]
period = "monthly"
"""


def report(text: str = "", schedule: str = '{ every = "day" }', kind: str = "daily") -> str:
    return f'{ACCOUNTS}\n[[reports]]\nname = "r"\nreport = "{kind}"\nschedule = {schedule}\n{text}'


def only(settings: Settings) -> ReportSettings:
    (found,) = settings.reports
    return found


def test_report_of_the_template_is_read_whole(loaded: Loaded, tmp_path: Path) -> None:
    example = re.sub(r"^#   (?!#)", "", template()[template().index("#   [[reports]]") :], flags=re.MULTILINE)
    found = only(loaded(template()[: template().index("\n# Reports that")] + "\n" + example))
    assert (found.name, found.report, found.missed, found.keep) == (
        "month-for-finance", ReportKind.MONTH, Missed.EACH, 24,
    )  # fmt: skip
    assert (found.schedule.about, found.schedule.day, found.schedule.at) == (About.MONTH, 2, time(7))
    assert found.formats == (ReportFormat.HTML, ReportFormat.PDF, ReportFormat.XLSX)
    assert (found.folder, found.wait_for_data) == (tmp_path / "reports", timedelta(hours=6))
    assert found.targets == (TargetSource("env REPORT_MAIL_URL", env="REPORT_MAIL_URL"),)


def test_defaults_are_those_that_are_documented(loaded: Loaded, tmp_path: Path) -> None:
    found = only(loaded(report()))
    assert (found.accounts, found.meters, found.targets, found.subject) == (("a", "b"), None, (), None)
    assert (found.schedule.at, found.formats, found.folder) == (time(7), (ReportFormat.HTML,), tmp_path / "reports")


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("", "UTC"),
        ('accounts = ["b"]', "America/New_York"),
        ('timezone = "Asia/Tokyo"', "Asia/Tokyo"),
    ],
    ids=["accounts that differ", "accounts that agree", "by setting"],
)
def test_zone_is(loaded: Loaded, text: str, zone: str) -> None:
    assert only(loaded(report(text))).schedule.zone.key == zone


def test_billing_is_what_the_accounts_share(loaded: Loaded) -> None:
    assert only(loaded(report('accounts = ["b"]'))).billing == Billing(PeriodKind.MONTHLY)
    assert only(loaded(report())).billing == Billing()


@pytest.mark.parametrize(
    ("cron", "about"),
    [
        ("0 7 * * 1", About.WEEK),
        ("0 7 1 * *", About.MONTH),
        ("0 7 * * *", About.DAY),
        ("0 7 * * 1-5", About.DAY),
        ('0 7 * * 1-5", about = "week', About.WEEK),
    ],
)
def test_cron_says_what_a_report_is_about(loaded: Loaded, cron: str, about: About) -> None:
    assert only(loaded(report(schedule=f'{{ cron = "{cron}" }}'))).schedule.about is about


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (report(schedule="{ }"), "reports[0].schedule must be either"),
        (report(schedule='{ every = "day", cron = "0 7 * * 1" }'), "must be either"),
        (report(schedule='{ every = "dya" }'), "did you mean day?"),
        (report(schedule='{ every = "day", weekday = "monday" }'), 'weekday has a meaning with every = "week" only'),
        (report(schedule='{ every = "week", weekday = "mondy" }'), "did you mean monday?"),
        (report(schedule='{ every = "day", at = "7" }'), 'must be a time of day in quotes such as "07:00"'),
        (report(schedule='{ every = "day", at = "25:00" }'), "must be a time of day"),
        (report(schedule='{ every = "month", day = 32 }'), "from 1 to 31"),
        (report(schedule='{ every = "day", about = "week" }'), "about goes with cron"),
        (report(schedule='{ cron = "0 7 * *" }'), "five fields"),
        (report(schedule='{ cron = "0 7 30 2 *" }'), "never comes"),
        (report(schedule='{ cron = "0 7,19 * * *" }'), "several times a day"),
        (report(schedule='{ cron = "0 7 * * *", at = "08:00" }'), "cannot stand beside cron"),
        (report('acounts = ["a"]'), "reports[0].acounts is unknown; did you mean accounts?"),
        (report('accounts = ["c"]'), "reports[0].accounts[0] must be one of a, b"),
        (report('meters = ["credit"]'), "did you mean credits?"),
        (report('accounts = ["a", "a"]'), "names one of them twice"),
        (report(kind="month"), "different billing periods"),
        (report(kind="monthly"), "did you mean month?"),
        (report("formats = []"), "reports[0].formats"),
        (report('formats = ["doc"]'), "must be one of csv, html"),
        (report('subject = "a\\nBcc: eve"'), "one line"),
        (report('wait_for_data = "31d"'), "must be from 0s to 30d"),
        (report("keep = 0"), "from 1 to 10000"),
        (report('to = [{ env = "A", file = "b" }]'), "must name one place"),
        (report('to = [{ env = "A" }, { env = "A" }]'), "names one of them twice"),
        (report() + '\n[[reports]]\nname = "r"\nreport = "burn"\nschedule = { every = "day" }', "must be unique"),
        (ACCOUNTS + '[[reports]]\nname = "R!"\nreport = "burn"\nschedule = { every = "day" }', "a-z, 0-9"),
        (report("formats = []"), "formats must not be empty; leave the line out for the default"),
        (report('accounts = "a"'), 'accounts must be a list in brackets, such as ["one", "two"]'),
    ],
)
def test_fault_is_told_with_its_place(refused: Refused, text: str, message: str) -> None:
    assert message in refused(text)


@pytest.mark.parametrize(
    "address",
    [
        f"mailtos://me:{CANARY}@mail.example.com",
        f"mailto://mail.example.com?pass={CANARY}",
        f"slack://{CANARY}/B/C",
        f"json://hooks.example.com/{CANARY}",
        CANARY,
    ],
)
@pytest.mark.parametrize("spelling", ['"{}"', '{{ url = "{}" }}'], ids=["text", "table"])
def test_literal_address_with_a_key_is_refused_and_not_shown(refused: Refused, address: str, spelling: str) -> None:
    message = refused(report(f"to = [{spelling.format(address)}]"))
    assert "must name the place of the address" in message
    assert CANARY not in message


def test_literal_address_without_a_password_may_stand(loaded: Loaded) -> None:
    address = "mailto://mail.example.com?from=r@example.com&to=ann@example.com"
    (target,) = only(loaded(report(f'to = ["{address}"]'))).targets
    assert target.read({}).reveal() == address


def test_literal_address_is_not_what_the_target_is_called(loaded: Loaded) -> None:
    addresses = [f"mailto://mail.example.com?from=r@example.com&to={one}@example.com" for one in ("ann", "bob")]
    labels = [one.label for one in only(loaded(report(f"to = {addresses}"))).targets]
    assert len(set(labels)) == 2
    assert not any("example.com" in one for one in labels)


def test_address_is_read_from_its_place(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("json://hooks.example.com/x\n")
    (tmp_path / "mail").chmod(0o600)
    by_file, by_env = only(loaded(report('to = [{ file = "mail" }, { env = "COLLECTOR_MAIL" }]'))).targets
    assert by_file.read({}).reveal() == "json://hooks.example.com/x"
    assert by_env.read({"COLLECTOR_MAIL": "json://y"}).reveal() == "json://y"
    assert (by_file.label, by_env.label) == ("file mail", "env COLLECTOR_MAIL")


@pytest.mark.parametrize(
    "kept", [None, "", CANARY, f"json://a\n{CANARY}"], ids=["none", "empty", "no address", "lines"]
)
def test_what_is_no_address_is_refused_and_not_shown(kept: str | None) -> None:
    with pytest.raises(ConfigError, match="env MAIL holds no address") as caught:
        TargetSource("env MAIL", env="MAIL").read({} if kept is None else {"MAIL": kept})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("json://x")
    (tmp_path / "mail").chmod(mode)
    with pytest.raises(ConfigError, match="open to other users"):
        TargetSource("file mail", file=tmp_path / "mail").read({})


@pytest.mark.parametrize(("value", "truth"), [("true", True), ("false", False)])
def test_private_addresses_can_be_allowed_by_the_environment(loaded: Loaded, value: str, truth: bool) -> None:
    assert loaded(ACCOUNTS, {"COLLECTOR_NOTIFY__ALLOW_PRIVATE": value}).collector.allow_private is truth


def test_reports_can_come_from_the_environment(loaded: Loaded) -> None:
    text = '[{"name": "r", "report": "burn", "schedule": {"every": "day"}}]'
    assert only(loaded(ACCOUNTS, {"COLLECTOR_REPORTS": text})).report is ReportKind.BURN


def test_invoice_is_looked_for_beside_the_settings(loaded: Loaded, tmp_path: Path) -> None:
    found = only(loaded(report('accounts = ["b"]\ninvoice = "invoices/{period}.csv"', kind="month")))
    assert found.invoice_of("2026-10") == tmp_path / "invoices" / "2026-10.csv"


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ('invoice = "invoices/october.csv"', "month", "must have {period}"),
        ('invoice = "invoices/{period}.csv"', "daily", "has a meaning for month and reconcile only"),
    ],
)
def test_invoice_that_cannot_be_meant_is_refused(refused: Refused, text: str, kind: str, says: str) -> None:
    assert says in refused(report(f'accounts = ["b"]\n{text}', kind=kind))
