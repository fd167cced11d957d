"""Who may ask the dashboard, seen from outside: hostile names, sites, methods, tokens and bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.web.dashboard import TOKEN, Dashboard, dashboard

PATHS = ("/", "/reports/daily", "/api/status", "/metrics", "/healthz", "/readyz", "/nothing")


@pytest.fixture(scope="module")
def closed(history: Path) -> Iterator[Dashboard]:
    """A dashboard that wants a token."""
    with dashboard(history / "collector.toml", token=TOKEN) as found:
        yield found


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_forbids_framing_sniffing_storing_and_foreign_content(shown: Dashboard, path: str) -> None:
    headers = shown.ask(path).headers
    policy = headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8321", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
        "169.254.169.254",
        "user@localhost", "localhost:x", "localhost:123456", "[::1", "[::2]", "[localhost]", "", " ", "localhost,evil",
        "2130706433", "0x7f.1",
    ],
    ids=repr,
)  # fmt: skip
def test_another_name_is_refused(shown: Dashboard, host: str) -> None:
    assert shown.ask("/", Host=host).status == 400


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8321", "localhost."])
def test_a_name_of_this_machine_is_known(shown: Dashboard, host: str) -> None:
    assert shown.ask("/readyz", Host=host).status == 200


def test_a_configured_name_is_known(history: Path) -> None:
    with dashboard(history / "collector.toml", names=("usage.example.com",)) as found:
        assert found.ask("/readyz", Host="usage.example.com:443").status == 200
        assert found.ask("/readyz", Host="www.usage.example.com").status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_nothing_can_be_changed(shown: Dashboard, method: str) -> None:
    answer = shown.ask("/api/status", method)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_its_body(shown: Dashboard, path: str) -> None:
    got, head = shown.ask(path), shown.ask(path, "HEAD")

    assert (head.status, head.text) == (got.status, "")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
    ],
    ids=repr,
)
def test_a_page_of_another_site_may_not_ask(shown: Dashboard, headers: dict[str, str]) -> None:
    assert shown.ask("/api/status", **headers).status == 403


def test_a_post_of_another_site_is_refused(shown: Dashboard) -> None:
    assert shown.ask("/", "POST", b"a=1", Origin="https://evil.example").status == 405


def test_a_link_from_elsewhere_may_be_followed(shown: Dashboard) -> None:
    headers = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}

    assert shown.ask("/readyz", **headers).status == 200


def test_a_question_with_a_body_is_refused_unread(shown: Dashboard) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"

    assert shown.raw(head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /?account=\xff\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["no host", "two hosts", "HTTP/1.0", "TLS", "endless path", "endless header", "raw bytes"],
)
def test_broken_http_is_refused(shown: Dashboard, sent: bytes) -> None:
    assert shown.raw(sent).split(b" ")[1] in {b"400", b"431"}


class TestWithToken:
    @pytest.mark.parametrize("path", ["/", "/reports/daily", "/api/status", "/api/reports/daily", "/metrics", "/none"])
    def test_nothing_is_shown_without_it(self, closed: Dashboard, path: str) -> None:
        answer = closed.ask(path)

        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "nellie" not in answer.text

    @pytest.mark.parametrize(
        "shown",
        [
            "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ", TOKEN, f"Digest {TOKEN}",
            "Basic !!!", "Basic " + base64.b64encode(TOKEN.encode()).decode(), "Bearer \xff\xfe",
            "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode(),
        ],
        ids=repr,
    )  # fmt: skip
    def test_another_token_is_none(self, closed: Dashboard, shown: str) -> None:
        assert closed.ask("/api/status", Authorization=shown).status == 401

    @pytest.mark.parametrize(
        "shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()]
    )
    def test_the_token_opens(self, closed: Dashboard, shown: str) -> None:
        assert closed.ask("/api/status", Authorization=shown).status == 200

    def test_a_token_in_the_address_counts_for_nothing(self, closed: Dashboard) -> None:
        assert closed.ask(f"/api/status?token={TOKEN}").status == 401

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_a_monitor_without_it_learns_names_of_troubles_only(self, closed: Dashboard, path: str) -> None:
        assert "details" not in closed.ask(path).text
        assert closed.ask(path).headers["content-type"] == "application/json"

    def test_a_monitor_with_it_learns_more(self, closed: Dashboard) -> None:
        assert "details" in closed.ask("/healthz", Authorization=f"Bearer {TOKEN}").json
