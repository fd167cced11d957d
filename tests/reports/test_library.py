"""The reports for notebooks: read-only, typed, and the same figures as the commands."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

import reports
from collector.domain.accounts import Account, Meter
from collector.errors import StorageError, UsageError
from collector.store.engine import Database
from reports.catalogue import daily
from reports.document import Column, Kind, Table
from reports.question import Question
from reports.rows import rows_of
from reports.table_frames import frame_of_table
from tests.reports import october
from tests.reports.conftest import Ledger

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kept(
    upgraded_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, make_account: Callable[..., Account]
) -> Iterator[Ledger]:
    """October's ledger, and an account that measures hours to six decimal places; only to be read."""
    path = tmp_path_factory.mktemp("library") / "usage.db"
    shutil.copy(upgraded_sqlite, path)
    found = Ledger(Database(f"sqlite:///{path}"), make_account)
    october.fill(found)
    found.open("kathmandu", [Meter("hours", "hours", 6)], zone=ZoneInfo("Asia/Kathmandu"))
    for day in range(1, 6):
        found.poll(datetime(2026, 10, day, 9, tzinfo=UTC), {"hours": day * 1_250_001}, "kathmandu")
    yield found
    found.database.close()


@pytest.fixture(scope="module")
def opened(kept: Ledger) -> Iterator[reports.Ledger]:
    with reports.open_ledger(str(kept.database.url), agreements=kept.agreements, now=october.NOW) as found:
        yield found


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import reports, sys; print(sorted({'pandas', 'altair', 'sqlalchemy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_daily_has_the_figures_of_the_report(opened: reports.Ledger, kept: Ledger) -> None:
    frame = opened.daily(accounts="nellie-prod", meters="credits")
    question = Question(now=october.NOW, agreements=kept.agreements, accounts=("nellie-prod",), meters=("credits",))
    rows = rows_of(daily(kept.database, question), ("day", "usage", "lower", "upper"))
    assert frame["usage"].tolist() == [row["usage"] for row in rows]
    assert frame["day"].dt.strftime("%Y-%m-%d").tolist() == [row["day"] for row in rows]


def test_daily_has_its_dtypes_whatever_is_asked(opened: reports.Ledger) -> None:
    expected = {"account": "str", "day": "datetime64[s]", "usage": "Int64", "coverage": "float64", "partial": "boolean"}
    for last_days in (1, 30):
        dtypes = opened.daily(accounts="nellie-prod", last_days=last_days).dtypes
        assert {name: str(dtypes[name]) for name in expected} == expected


def test_decimal_quantities_stay_exact(opened: reports.Ledger) -> None:
    usage = opened.daily(accounts="kathmandu")["usage"]
    assert all(isinstance(one, Decimal) for one in usage)


@pytest.mark.parametrize("report", ["daily", "burn", "exhaustion", "trend", "requests", "gaps"])
def test_every_report_is_a_frame(opened: reports.Ledger, report: str) -> None:
    frame = opened.frame(report, accounts="nellie-prod", last_days=40)
    assert frame.index.tolist() == list(range(len(frame)))
    assert frame.columns[0] == "account"
    assert set(frame["account"]) <= {"nellie-prod"}


def test_every_report_has_a_method_of_its_name(opened: reports.Ledger) -> None:
    for method in (opened.burn, opened.exhaustion, opened.trend, opened.requests):
        pd.testing.assert_frame_equal(
            method(accounts="nellie-prod"), opened.frame(method.__name__, accounts="nellie-prod")
        )


def test_a_month_has_its_amounts_as_decimals(opened: reports.Ledger) -> None:
    frame = opened.month("2026-10", accounts="nellie-prod", meters="credits")
    assert frame["usage"].tolist() == [october.USAGE]
    assert frame["amount"].tolist() == [Decimal("38.07")]
    assert isinstance(frame["amount"][0], Decimal)


def test_a_period_is_held_against_an_invoice(opened: reports.Ledger, tmp_path: Path) -> None:
    invoice = tmp_path / "invoice.csv"
    header = "account,meter,period_start,period_end,quantity,amount,currency"
    invoice.write_text(f"{header}\nnellie-prod,credits,2026-10-01,2026-11-01,3807,38.07,EUR\n")
    frame = opened.reconcile("2026-10", accounts="nellie-prod", meters="credits", invoice=invoice)
    assert frame[["usage", "invoiced_quantity", "status"]].to_numpy().tolist() == [[3807, 3807, "matched"]]


def test_a_chart_is_an_altair_object_with_its_title(opened: reports.Ledger) -> None:
    import altair

    charts = opened.charts("daily", accounts="nellie-prod", last_days=10)
    name, chart = next(iter(charts.items()))
    drawn = opened.chart("daily", name, accounts="nellie-prod", last_days=10)
    assert isinstance(drawn, altair.LayerChart)
    assert drawn.to_dict()["title"]["text"] == chart.title


@pytest.mark.parametrize(
    ("report", "asked", "said"),
    [
        ("daily", {"accounts": "nobody"}, "no account is called 'nobody'"),
        ("daily", {"meters": ["credits", "miles"]}, "no meter is called 'miles'"),
        ("daily", {"start": "1 May"}, "2026-10-31, not '1 May'"),
        ("daily", {"start": "2026-05-01", "end": "2026-05-01"}, "is empty"),
        ("daily", {"last_days": 0}, "at least 1, not 0"),
        ("daily", {"zone": "Berlin"}, "no time zone is called 'Berlin'"),
        ("daily", {"period": "2026-03"}, "daily takes no period"),
        ("daily", {"account": "nellie-prod"}, "a report takes no account"),
        ("month", {}, "month needs a period"),
        ("month", {"period": "March"}, "a period is written"),
        ("month", {"period": "2026-03", "which": "then"}, "now, closed or both"),
        ("dayly", {}, "no report is called 'dayly'"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_refused(opened: reports.Ledger, report: str, asked: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        opened.frame(report, **asked)  # type: ignore[arg-type]  # what a notebook may well write


def test_a_chart_that_is_not_there_is_refused(opened: reports.Ledger) -> None:
    with pytest.raises(UsageError, match="daily has no single chart called pie"):
        opened.chart("daily", "pie", accounts="nellie-prod", last_days=3)


def test_another_zone_makes_other_days(kept: Ledger) -> None:
    with reports.open_ledger(str(kept.database.url), now=october.NOW, zone="Asia/Kathmandu") as found:
        frame = found.daily(accounts="nellie-prod")
    question = Question(now=october.NOW, accounts=("nellie-prod",), zone=ZoneInfo("Asia/Kathmandu"))
    assert frame["usage"].tolist() == daily(kept.database, question)["usage"].tolist()


def test_without_a_moment_it_is_that_of_the_newest_value(kept: Ledger) -> None:
    with reports.open_ledger(str(kept.database.url)) as found:
        assert found.now == october.SEEN_LAST


def test_a_moment_without_zone_is_refused(kept: Ledger) -> None:
    with pytest.raises(UsageError, match="now must be aware"):
        reports.open_ledger(str(kept.database.url), now=datetime(2026, 4, 1))  # noqa: DTZ001 - what is refused


def test_a_missing_database_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database at"):
        reports.open_ledger(f"sqlite:///{tmp_path / 'usage.db'}")
    assert not (tmp_path / "usage.db").exists()


def test_nothing_can_be_written_through_it(sqlite_database: Database) -> None:
    readable = Database(str(sqlite_database.url), read_only=True)
    with pytest.raises(StorageError, match="readonly"), readable.write() as connection:
        connection.exec_driver_sql("DELETE FROM account")
    readable.close()


def test_an_empty_ledger_gives_empty_frames(sqlite_database: Database) -> None:
    with reports.open_ledger(str(sqlite_database.url)) as found:
        assert found.meters == {}
        assert list(found.daily().columns)[:5] == ["account", "meter", "unit", "day", "usage"]
        assert found.charts("daily") == {}


def test_a_column_has_the_dtype_of_its_kind_also_where_all_is_missing() -> None:
    columns = tuple(Column(kind.value, kind.value, kind) for kind in Kind)
    frame = frame_of_table(Table("all", "All", columns, [dict.fromkeys(kind.value for kind in Kind)]))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "text": "str", "quantity": "Int64", "count": "Int64", "money": "object", "number": "float64",
        "share": "float64", "day": "datetime64[s]", "instant": "datetime64[us, UTC]", "flag": "boolean",
        "seconds": "float64",
    }  # fmt: skip
    assert frame.isna().all(axis=None)


def test_figures_beyond_64_bits_stay_whole() -> None:
    column = (Column("usage", "Used", Kind.QUANTITY),)
    frame = frame_of_table(Table("one", "One", column, [{"usage": 2**70 + 1}, {"usage": None}]))
    assert frame["usage"].tolist()[0] == 2**70 + 1


def test_the_notebook_of_the_docs_runs(
    kept: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = f"""
        [database]
        url = "sqlite:///{kept.database.path}"

        [[accounts]]
        name = "nellie-prod"
        provider = "nellie"
        api_key = {{ env = "NELLIE_API_KEY" }}

          [accounts.billing]
          period = "monthly"

          [accounts.meters.credits]
          quota = 100000
    """
    (tmp_path / "collector.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLLECTOR_CONFIG", str(tmp_path / "collector.toml"))
    runpy.run_path(str(ROOT / "docs" / "notebook.py"))
    told = capsys.readouterr().out
    assert "credits" in told
    assert "100000" in told
    assert (tmp_path / "usage.png").read_bytes().startswith(b"\x89PNG")
    assert "vega" in (tmp_path / "usage.html").read_text(encoding="utf-8")
