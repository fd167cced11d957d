"""The rows of the dashboard, of health and of notices, each from the settings file to what is seen from outside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from collector.app.web.ledger import Ledger
from collector.app.wiring import load_settings
from collector.errors import SlowReadError
from collector.store.engine import Database
from collector.store.processes import ProcessRow, record_process
from tests.app.timepiece import Timepiece
from tests.app.web.dashboard import TOKEN, Dashboard, dashboard
from tests.faults.stage import ACCOUNT, Stage, usage
from tests.http.fault_server import json_response
from tests.notifications.sink import Sink

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def served(stage: Stage) -> Iterator[Dashboard]:
    """The dashboard of a program that has polled once."""
    assert stage.poll().code == 0
    with dashboard(stage.folder / "collector.toml") as found:
        yield found


def told(stage: Stage, dashboard: Dashboard, path: str = "/healthz") -> dict[str, object]:
    """Return what health says; it counts as printed, so that it is searched for keys."""
    answer = dashboard.ask(path)
    stage.printed.append(answer.text)
    return {**answer.json, "code": answer.status}


@pytest.mark.fault("X10")
class TestOtherSites:
    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8321", "[::2]"])
    def test_another_name_is_answered_400(self, served: Dashboard, host: str) -> None:
        answer = served.ask("/api/status", Host=host)

        assert answer.status == 400
        assert ACCOUNT not in answer.text

    def test_a_post_from_another_site_is_refused(self, stage: Stage, served: Dashboard) -> None:
        before = stage.facts
        refused = served.ask("/", "POST", b"a=1", Origin="https://evil.example", Sec_Fetch_Site="cross-site")

        assert refused.status == 405
        assert stage.facts == before

    def test_what_another_site_asks_in_a_browser_is_refused(self, served: Dashboard) -> None:
        assert served.ask("/api/status", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403

    def test_no_page_may_frame_it(self, served: Dashboard) -> None:
        headers = served.ask("/").headers

        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.fault("X11")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports/..%2fcollector.toml", 404),
        ("/../../etc/passwd", 404),
        ("/reports/daily?account=%27;DROP%20TABLE%20poll;--", 400),
        ("/api/reports/requests?limit=1000000000", 400),
        ("/api/reports/daily?account=%00", 400),
        ("/api/reports/daily?last=999999999999d", 400),
        ("/api/reports/daily?account=" + "a" * 8000, 400),
        ("/api/status?token=abc", 400),
    ],
)
def test_hostile_paths_and_parameters_are_refused(stage: Stage, served: Dashboard, path: str, status: int) -> None:
    before = stage.facts
    answer = served.ask(path)
    stage.printed.append(answer.text)

    assert answer.status == status
    assert "Traceback" not in answer.text
    assert stage.facts == before


@pytest.mark.fault("X12")
class TestOtherMachines:
    def test_without_a_token_the_start_is_refused(self, stage: Stage) -> None:
        done = stage.run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - that is what is refused

        assert done.code == 2
        assert "a token is needed" in done.err

    def test_the_setting_is_refused_alike(self, stage: Stage) -> None:
        stage.configure(extra='[serve]\nhost = "::"\n')

        assert stage.run("serve", "--port", "0").code == 2

    def test_with_a_token_only_who_shows_it_is_answered(self, stage: Stage) -> None:
        with dashboard(stage.folder / "collector.toml", token=TOKEN) as found:
            basic = base64.b64encode(f"x:{TOKEN}".encode()).decode()
            asked = [None, "Bearer wrong", f"Bearer {TOKEN}", f"Basic {basic}"]
            answers = [found.ask("/api/status", **({"Authorization": one} if one else {})).status for one in asked]

        assert answers == [401, 401, 200, 200]


@pytest.mark.fault("X5")
def test_hostile_texts_of_a_provider_do_nothing_on_a_page(stage: Stage) -> None:
    one = {"requestId": HOSTILE, "status": HOSTILE, "createdAt": "2026-01-01T00:00:00Z", "creditsUsed": 1}
    stage.plays(usage(1, 1, [one]))
    assert stage.poll().code == 0
    with dashboard(stage.folder / "collector.toml") as found:
        page = found.ask("/reports/requests")

    assert page.status == 200
    assert HOSTILE not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.fault("S15")
def test_a_page_holds_no_reading_transaction_for_long(stage: Stage) -> None:
    clock = Timepiece()
    ledger = Ledger(load_settings(stage.folder / "collector.toml", {}), clock)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

    def read_for_six_seconds() -> None:
        with ledger.reading() as database, database.read() as connection:
            clock.passes(6)
            connection.exec_driver_sql(endless)

    try:
        with pytest.raises(SlowReadError, match="more than 5 s"):
            read_for_six_seconds()
    finally:
        ledger.close()


@pytest.mark.fault("S9")
def test_health_tells_of_a_damaged_database(stage: Stage, served: Dashboard) -> None:
    assert stage.path is not None
    stage.path.write_bytes(b"\x00" * stage.path.stat().st_size)
    found = told(stage, served)

    assert (found["code"], found["status"], found["troubles"]) == (503, "failing", ["database"])
    assert served.ask("/").status == 503


@pytest.mark.fault("S6")
def test_health_tells_that_answers_cannot_be_stored(stage: Stage, served: Dashboard) -> None:
    now = datetime.now(UTC)
    database = Database(f"sqlite:///{stage.path}")
    record_process(database, ProcessRow("a", "host", 1, now, now, "1", ("spooling",)))
    database.close()
    found = told(stage, served)

    assert (found["code"], found["troubles"]) == (503, ["spooling"])


@pytest.mark.fault("R11")
def test_health_shows_that_the_log_cannot_be_written(stage: Stage, served: Dashboard) -> None:
    now = datetime.now(UTC)
    database = Database(f"sqlite:///{stage.path}")
    record_process(database, ProcessRow("a", "host", 1, now, now, "1", ("logging_failed",)))
    database.close()
    found = told(stage, served)

    assert (found["code"], found["status"], found["troubles"]) == (200, "troubled", ["logging_failed"])
    assert 'usage_trouble{trouble="logging_failed"} 1.0' in served.ask("/metrics").text


class TestNotices:
    @pytest.fixture
    def post(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
        """A mail server that is told of faults."""
        with Sink() as sink:
            monkeypatch.setenv("FAULTS_TO", sink.url("me@example.com"))
            stage.configure(
                account='poll_every = "1s"', extra='[notify]\nallow_private = true\nfaults_to = [{ env = "FAULTS_TO" }]'
            )
            yield sink

    @pytest.mark.fault("H1", "H2")
    @pytest.mark.parametrize(("status", "said"), [(401, "key rejected"), (403, "key not allowed")])
    def test_a_rejected_key_is_told_once_even_after_a_restart(
        self, stage: Stage, post: Sink, status: int, said: str
    ) -> None:
        stage.plays(json_response({"error": f"{HOSTILE} AUTH_REQUIRED"}, status))
        stage.daemon(lambda: post.accepted)
        polls = len(stage.polls)
        stage.daemon(lambda: len(stage.polls) > polls, seconds=40)

        assert len(stage.polls) > polls
        assert {row.outcome for row in stage.polls} <= {f"http_{status}", "interrupted"}
        ((recipients, letter),) = post.accepted
        stage.printed.append(letter.as_string())
        assert recipients == ("me@example.com",)
        assert letter["Subject"] == f"[usage collector] {said}: {ACCOUNT}"
        assert "AUTH_REQUIRED" not in letter.as_string()

    def test_doctor_names_an_address_that_is_missing(
        self, stage: Stage, post: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("FAULTS_TO")
        found = stage.run("doctor", "--json")

        assert found.code == 2
        assert [one for one in json.loads(found.out) if one["check"] == "notices" and not one["ok"]]
