import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from collector.simulator.server import Simulator
from collector.simulator.switches import Switches

KEY = "nel_key"
NELLIE_HEADERS = {"X-API-Key": KEY}
NECTED_HEADERS = {"Nected-API-Key": KEY}
NELLIE_401 = {
    "success": False,
    "error": "Unauthorized",
    "details": "Valid API key required",
    "errorCode": "AUTH_REQUIRED",
}
NECTED_401 = {"code": "UNAUTHORIZED", "message": "Missing/invalid API key"}


class MovableClock(Protocol):
    instant: datetime

    def __call__(self) -> datetime: ...


class Client:
    """One kept-alive connection."""

    def __init__(self, url: str) -> None:
        self.connection = HTTPConnection(urlsplit(url).netloc, timeout=10)

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """Return the response and its whole body."""
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def json(self, path: str, headers: dict[str, str]) -> Any:
        """Return the decoded body."""
        return json.loads(self.ask(path, headers)[1])

    def status(self, path: str, headers: dict[str, str], method: str = "GET") -> int:
        """Return the status alone."""
        return self.ask(path, headers, method)[0].status


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    client = Client(simulator.url)
    with closing(client.connection):
        yield client


def test_nected_is_answered_over_http(client: Client, simulator: Simulator, clock: MovableClock) -> None:
    assert client.json("/dev/usage", NECTED_HEADERS) == {
        "data": {"invocations": simulator.history(KEY).invocations_at(clock.instant)},
        "code": "success",
        "message": "Success.",
    }


def test_an_answer_carries_its_type_and_length(client: Client) -> None:
    response, body = client.ask("/v1/usage", NELLIE_HEADERS)

    assert (response.headers["Content-Type"], response.headers["Content-Length"]) == (
        "application/json",
        str(len(body)),
    )


def test_an_answer_carries_the_simulated_date(client: Client) -> None:
    assert client.ask("/v1/usage", NELLIE_HEADERS)[0].headers["Date"] == "Tue, 10 Mar 2026 14:20:00 GMT"


def test_an_answer_has_one_header_of_each_name(client: Client) -> None:
    names = [name for name, _ in client.ask("/v1/usage", NELLIE_HEADERS)[0].headers.items()]

    assert sorted(names) == ["Content-Length", "Content-Type", "Date", "Server"]


def test_answers_move_with_the_clock(client: Client, simulator: Simulator, clock: MovableClock) -> None:
    before = client.json("/dev/usage", NECTED_HEADERS)["data"]["invocations"]
    clock.instant += timedelta(hours=2)
    after = client.json("/dev/usage", NECTED_HEADERS)["data"]["invocations"]

    assert after > before


def test_many_questions_use_one_connection(client: Client) -> None:
    client.ask("/v1/usage", NELLIE_HEADERS)
    first = client.connection.sock
    statuses = [client.status("/v1/usage", NELLIE_HEADERS) for _ in range(5)]

    assert (statuses, client.connection.sock) == ([200] * 5, first)


def test_a_kept_connection_is_answered_without_delay(client: Client) -> None:
    client.ask("/dev/usage", NECTED_HEADERS)
    began = perf_counter()
    for _ in range(50):
        client.ask("/dev/usage", NECTED_HEADERS)

    # Fifty delayed acknowledgements would take two seconds.
    assert perf_counter() - began < 1


@pytest.mark.parametrize(
    ("path", "header", "body"),
    [
        pytest.param("/v1/usage", "X-API-Key", NELLIE_401, id="nellie"),
        pytest.param("/dev/usage", "Nected-API-Key", NECTED_401, id="nected"),
    ],
)
def test_an_invalid_key_is_refused(client: Client, path: str, header: str, body: dict[str, object]) -> None:
    response, raw = client.ask(path, {header: "invalid"})

    assert (response.status, json.loads(raw)) == (401, body)


def test_only_the_given_keys_are_admitted(clock: MovableClock) -> None:
    with Simulator(now=clock, keys=frozenset({KEY})) as closed:
        client = Client(closed.url)
        with closing(client.connection):
            statuses = [client.status("/v1/usage", {"X-API-Key": key}) for key in (KEY, "nel_other")]

    assert statuses == [200, 401]


def test_two_keys_are_two_histories(client: Client) -> None:
    lists = [
        {item["requestId"] for item in client.json("/v1/usage", {"X-API-Key": key})["recentRequests"]}
        for key in ("nel_one", "nel_two")
    ]

    assert not lists[0] & lists[1]


def test_another_seed_is_another_world(client: Client, clock: MovableClock) -> None:
    with Simulator(now=clock, seed=2) as other:
        elsewhere = Client(other.url)
        with closing(elsewhere.connection):
            body = elsewhere.json("/v1/usage", NELLIE_HEADERS)

    assert body != client.json("/v1/usage", NELLIE_HEADERS)


def test_the_rate_limit_says_when_to_come_back(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(status=429, retry_after="120"))
    response, _ = client.ask("/v1/usage", NELLIE_HEADERS)

    assert (response.status, response.headers["Retry-After"]) == (429, "120")


def test_a_server_error_is_the_documents(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(status=500))
    response, body = client.ask("/dev/usage", NECTED_HEADERS)

    assert (response.status, json.loads(body)) == (
        500,
        {"code": "INTERNAL_SERVER_ERROR", "message": "Unexpected system error"},
    )


def test_switches_disturb_the_next_requests_of_each_account(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(status=503, times=2))
    asked = [("/v1/usage", NELLIE_HEADERS)] * 3 + [("/dev/usage", NECTED_HEADERS)] * 3

    assert [client.status(path, headers) for path, headers in asked] == [503, 503, 200] * 2


def test_the_switches_in_force_can_be_read(simulator: Simulator) -> None:
    simulator.put(Switches(status=500))

    assert simulator.switches == Switches(status=500, window=20)


def test_healthy_switches_end_a_fault(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(status=500))
    client.ask("/v1/usage", NELLIE_HEADERS)
    simulator.put(Switches())

    assert client.status("/v1/usage", NELLIE_HEADERS) == 200


def test_a_dropped_connection_has_no_answer(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(drop_connection=True))

    with pytest.raises(RemoteDisconnected):
        client.ask("/v1/usage", NELLIE_HEADERS)


def test_a_dropped_connection_is_dropped_so_many_times(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(drop_connection=True, times=1))
    with pytest.raises(RemoteDisconnected):
        client.ask("/v1/usage", NELLIE_HEADERS)

    assert client.status("/v1/usage", NELLIE_HEADERS) == 200


def test_latency_holds_the_answer_back(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(latency=timedelta(milliseconds=120)))
    began = perf_counter()
    client.ask("/v1/usage", NELLIE_HEADERS)

    assert perf_counter() - began >= 0.12


def test_a_malformed_body_has_its_own_length(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(malformed="truncated"))
    response, body = client.ask("/v1/usage", NELLIE_HEADERS)

    assert (response.status, response.headers["Content-Length"]) == (200, str(len(body)))


def test_an_empty_body_keeps_the_connection(client: Client, simulator: Simulator) -> None:
    simulator.put(Switches(malformed="empty", times=1))
    first = client.ask("/v1/usage", NELLIE_HEADERS)[1]

    assert (first, client.status("/v1/usage", NELLIE_HEADERS)) == (b"", 200)


@pytest.mark.parametrize(
    ("window", "switches", "length"),
    [
        pytest.param(7, None, 7, id="of the simulator"),
        pytest.param(7, Switches(status=None), 7, id="of the simulator with switches"),
        pytest.param(7, Switches(window=3), 3, id="of the switches"),
    ],
)
def test_the_window_is_configurable(clock: MovableClock, window: int, switches: Switches | None, length: int) -> None:
    with Simulator(now=clock, window=window) as running:
        if switches is not None:
            running.put(switches)
        client = Client(running.url)
        with closing(client.connection):
            listed = client.json("/v1/usage", NELLIE_HEADERS)["recentRequests"]

    assert len(listed) == length


def test_a_query_is_ignored(client: Client) -> None:
    assert client.status("/v1/usage?verbose=1", NELLIE_HEADERS) == 200


@pytest.mark.parametrize("path", ["/", "/v1/models", "/dev", "/v1/usage/", "//[", "http://elsewhere.example/v1/usage"])
def test_an_unknown_path_is_not_found_in_json(client: Client, path: str) -> None:
    response, body = client.ask(path, NELLIE_HEADERS)

    assert (response.status, isinstance(json.loads(body), dict)) == (404, True)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"])
def test_another_method_is_not_allowed(client: Client, method: str) -> None:
    assert client.status("/v1/usage", NELLIE_HEADERS, method) == 405


def test_head_has_no_body(client: Client) -> None:
    assert client.ask("/v1/usage", NELLIE_HEADERS, "HEAD")[1] == b""


def test_a_body_that_was_sent_along_does_not_disturb_the_next_question(client: Client) -> None:
    client.ask("/v1/usage", NELLIE_HEADERS, "POST", b'{"prompt": "GET /v1/usage HTTP/1.1"}')

    assert client.status("/v1/usage", NELLIE_HEADERS) == 200


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"Content-Length": "99999999"}, id="too long"),
        pytest.param({"Content-Length": "many"}, id="no number"),
        pytest.param({"Transfer-Encoding": "chunked"}, id="chunked"),
    ],
)
def test_a_body_that_is_not_read_ends_the_connection(client: Client, header: dict[str, str]) -> None:
    response, _ = client.ask("/v1/usage", NELLIE_HEADERS | header)

    assert (response.status, response.headers["Connection"]) == (200, "close")


def test_every_request_is_counted(client: Client, simulator: Simulator) -> None:
    for path in ("/v1/usage", "/dev/usage", "/nowhere"):
        client.ask(path)

    assert simulator.requests_seen == 3
