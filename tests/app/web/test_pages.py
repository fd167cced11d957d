"""What the dashboard shows, and what it makes of every question."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from reports.documents.catalogue import NAMES
from tests.app.console import Console
from tests.app.web.conftest import HOSTILE, LAST
from tests.app.web.dashboard import Dashboard

PERIOD = "?period=2026-03"
HOSTILE_QUESTIONS = [
    "limit=1000000000", "account=%27%20OR%201%3D1%20--", "account=%00", "account=nellie%00", "account=" + "a" * 300,
    "account=%ff", "account=%ED%A0%80", "account=..%2f..%2fetc%2fpasswd", "meter=%3Cscript%3E", "tz=../../etc/passwd",
    "tz=%00", "tz=/etc/localtime", "from=1", "from=2026-02-30", "from=99999-01-01", "last=0d", "last=999999999d",
    "last=7d&last=8d", "last=7d&from=2026-03-01", "from=2026-03-02&to=2026-03-01", "unknown=1", "token=abc",
    "&".join(f"account=a{one}" for one in range(100)), "account=" + "%41" * 2000, "last=%EF%BC%91d", "__proto__=1",
]  # fmt: skip


@pytest.fixture
def known(bare_console: Console, history: Path) -> Console:
    """A command line on the same history."""
    shutil.copytree(history, bare_console.folder, dirs_exist_ok=True)
    return bare_console


@pytest.mark.parametrize("name", NAMES)
def test_a_report_as_json_is_what_the_command_prints(shown: Dashboard, known: Console, name: str) -> None:
    asked = PERIOD if name in {"month", "reconcile"} else ""
    words = ["requests", "--gaps"] if name == "gaps" else [name, *(["--period", "2026-03"] if asked else [])]
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        printed = known.run("report", *words, "--json").out

    assert shown.ask(f"/api/reports/{name}{asked}").json == json.loads(printed)


def test_the_status_as_json_is_what_the_command_prints(shown: Dashboard, known: Console) -> None:
    with time_machine.travel(LAST + timedelta(minutes=1), tick=False):
        assert shown.ask("/api/status").json == known.json("status")


@pytest.mark.parametrize("name", ["daily", "gaps", "requests", "reconcile"])
def test_a_report_is_a_page_with_links_to_the_others(shown: Dashboard, name: str) -> None:
    answer = shown.ask(f"/reports/{name}?account=nellie")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'aria-current="page"' in answer.text
    assert '<option value="nellie" selected>' in answer.text


def test_the_first_page_tells_of_meters_collectors_and_troubles(shown: Dashboard) -> None:
    page = shown.ask("/")

    assert page.status == 200
    assert page.headers["refresh"] == "60"
    assert all(word in page.text for word in ("invocations", "credits", "Collectors running", "1,600"))


@pytest.mark.parametrize("path", ["/", "/reports/requests", "/reports/daily", "/reports/gaps"])
def test_a_page_asks_no_network_and_runs_nothing(shown: Dashboard, path: str) -> None:
    text = shown.ask(path).text

    assert "<script" not in text
    assert not re.search(r"\bon\w+=\"|(?:src|href|action)=\"(?:https?:)?//|@import|url\((?!['\"]?#)", text)


def test_hostile_texts_of_a_provider_are_only_text(shown: Dashboard) -> None:
    page = shown.ask("/reports/requests").text

    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert any(row["request_id"] == HOSTILE for row in shown.ask("/api/reports/requests").json)


@pytest.mark.parametrize("query", HOSTILE_QUESTIONS, ids=lambda one: one[:40])
@pytest.mark.parametrize("path", ["/reports/daily", "/api/reports/daily"])
def test_a_question_that_cannot_be_meant_is_refused_in_words(shown: Dashboard, path: str, query: str) -> None:
    answer = shown.ask(f"{path}?{query}")

    assert answer.status == 400
    assert "Traceback" not in answer.text
    assert "<script>" not in answer.text or answer.headers["content-type"] == "application/json"
    assert len(answer.text) < 20_000


@pytest.mark.parametrize(
    "path",
    [
        "/reports/", "/reports/..%2f..%2fcollector.toml", "/reports/../collector.toml", "/../collector.toml",
        "/api/reports/nothing", "/docs", "/redoc", "/openapi.json", "/static/x", "//evil.example/", "/reports/daily/",
        "/reports/%00", "/%2e%2e/%2e%2e/etc/passwd", "/usage.db", "/reports/daily%0d%0aSet-Cookie:%20a=b",
    ],
)  # fmt: skip
def test_nothing_else_is_kept_here(shown: Dashboard, path: str) -> None:
    answer = shown.ask(path)

    assert answer.status == 404
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/"])
def test_a_page_without_parameters_takes_none(shown: Dashboard, path: str) -> None:
    assert shown.ask(f"{path}?a=1").status == 400


def test_a_report_of_a_period_wants_one(shown: Dashboard) -> None:
    answer = shown.ask("/api/reports/month")

    assert (answer.status, "period is missing" in answer.json["error"]) == (400, True)


def test_a_range_as_long_as_time_is_answered(shown: Dashboard) -> None:
    assert shown.ask("/api/reports/daily?from=0001-01-01&to=9999-12-31").status == 200
