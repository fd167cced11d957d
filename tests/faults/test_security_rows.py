"""Rows X1 to X9 and X13: nothing that comes from outside leads the program astray, or is believed to be ours."""

from __future__ import annotations

import ast
import csv
import http.client
import io
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from collector.app import logs
from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError
from collector.notifications.message import Message
from collector.notifications.transport import send
from tests.canary import NELLIE_KEY, leaks
from tests.faults.stage import REPOSITORY, Stage, usage
from tests.http.fault_server import FaultServer, Sink, json_response, raw, response

SCRIPT = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
# What a spreadsheet would take for a formula.
FORMULAS = ("=cmd|' /C calc'!A0", "+1+2", "-1+2", "@SUM(1)", '=HYPERLINK("http://x")', "＝1+1", "   =1+1")
NOBODY: frozenset[str] = frozenset()


def listed(*statuses: str) -> list[object]:
    """Return records with these statuses, which are also their ids."""
    return [
        {"requestId": one, "status": one, "createdAt": "2026-02-28T10:30:00Z", "completedAt": None, "creditsUsed": 1}
        for one in statuses
    ]


@pytest.mark.fault("X1")
@pytest.mark.parametrize(
    ("status", "target"),
    [
        *((status, "{sink}/steal") for status in (300, 301, 302, 303, 307, 308)),
        *((302, target) for target in ("//{place}/steal", "{other}/steal", "ftp://{place}/", "http://me:pw@{place}/")),
    ],
)
def test_redirect_leads_nowhere(stage: Stage, status: int, target: str) -> None:
    place = stage.sink.origin.removeprefix("http://")
    location = target.format(sink=stage.sink.origin, place=place, other=stage.sink.origin.replace("http", "https"))
    stage.plays(json_response({}, status=status, headers=[("Location", location), ("Refresh", f"0; url={location}")]))
    done = stage.poll()
    assert (done.code, stage.outcomes, stage.snapshots) == (1, ["redirect_refused"], [])
    assert stage.seen[0]["error"] == stage.polls[0].error
    assert "steal" not in done.err
    assert stage.sink.untouched
    assert stage.upstream.connections == 1


# --- X2 -------------------------------------------------------------------------------------------------------------

_CONNECTED = re.compile(r"\bconnect\(\d+, \{sa_family=(AF_\w+)(.*?)\}, \d+\)")


def hostile_environment(sink: Sink, folder: Path) -> dict[str, str]:
    """Return variables that libraries follow: proxies, passwords for hosts, authorities, options of Python."""
    (folder / ".netrc").write_text("machine 127.0.0.1 login me password hunter2-not-ours\n")
    (folder / ".netrc").chmod(0o600)
    (folder / "nothing.pem").write_text("")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "socks_proxy"), sink.origin)
    return {
        **proxies,
        **{name.upper(): value for name, value in proxies.items()},
        "NO_PROXY": "",
        "no_proxy": "",
        "HOME": str(folder),
        "NETRC": str(folder / ".netrc"),
        "REQUESTS_CA_BUNDLE": str(folder / "nothing.pem"),
        "CURL_CA_BUNDLE": str(folder / "nothing.pem"),
        "SSL_CERT_FILE": str(folder / "nothing.pem"),
        "SSL_CERT_DIR": str(folder),
        "SSLKEYLOGFILE": str(folder / "tls-keys.txt"),
        "PYTHONDEVMODE": "1",
        "PYTHONASYNCIODEBUG": "1",
        "PYTHONFAULTHANDLER": "1",
    }


def destinations(trace: str) -> set[str]:
    """Return where a traced program connected to: ``address:port`` of the internet, else the family."""
    found = set()
    for family, rest in _CONNECTED.findall(trace):
        port = re.search(r"sin6?_port=htons\((\d+)\)", rest)
        address = re.search(r'"([^"]+)"', rest)
        found.add(f"{address[1]}:{port[1]}" if port and address else family)
    return found


@pytest.mark.fault("X2")
def test_program_connects_to_the_configured_host_alone(stage: Stage, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace, "strace must be installed: it is the witness"
    trace = tmp_path / "trace.txt"
    command = [
        strace,
        "-f",
        "-e",
        "trace=network",
        "-o",
        str(trace),
        sys.executable,
        "-m",
        "collector",
        "poll",
        "--json",
    ]
    environ = {**os.environ, **hostile_environment(stage.sink, tmp_path), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=stage.folder, env=environ, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert destinations(trace.read_text()) == {f"127.0.0.1:{stage.upstream.port}"}
    assert b"uthorization" not in b"".join(stage.upstream.requests)
    assert stage.outcomes == ["ok"]
    assert not (tmp_path / "tls-keys.txt").exists()
    assert not leaks(done.stdout + done.stderr)


# --- X3, X4 ---------------------------------------------------------------------------------------------------------


_TALKERS = ("urllib3", "urllib3.connectionpool", "http.client", "requests", "sqlalchemy", "asyncio")


@pytest.fixture
def everything_is_logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch on whatever libraries say, after the program has configured its log."""
    configure = logs.configure
    levels = {name: logging.getLogger(name).level for name in (None, *_TALKERS)}

    def verbose(*arguments: Any, **options: Any) -> None:
        configure(*arguments, **options)
        for name in levels:
            logging.getLogger(name).setLevel(logging.DEBUG)

    monkeypatch.setattr(logs, "configure", verbose)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 9)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


ECHOES: dict[str, Callable[[], Any]] = {
    "answer": usage,
    "401": lambda: json_response({"error": f"bad key {NELLIE_KEY}"}, 401, [("WWW-Authenticate", f"Key {NELLIE_KEY}")]),
    "redirect": lambda: json_response({}, 302, [("Location", f"http://{NELLIE_KEY}/{NELLIE_KEY}?k={NELLIE_KEY}")]),
    "page": lambda: raw(response(f"<p>{NELLIE_KEY}".encode(), kind=f"text/html; k={NELLIE_KEY}")),
    "broken": lambda: raw(f"HTTP/1.1 {NELLIE_KEY}\r\n\r\n".encode()),
    "headers": lambda: raw(response(headers=[(NELLIE_KEY.replace("/", "-").replace("+", "-"), NELLIE_KEY)])),
    "encoding": lambda: raw(response(headers=[("Content-Encoding", NELLIE_KEY)])),
    "waiting": lambda: json_response({}, 429, [("Retry-After", NELLIE_KEY)]),
}


@pytest.mark.fault("X3")
@pytest.mark.usefixtures("everything_is_logged")
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_debugging_shows_no_key(stage: Stage, echo: Callable[[], Any], capfd: pytest.CaptureFixture[str]) -> None:
    stage.plays(echo())
    done = stage.poll()
    assert len(stage.polls) == 1
    assert '"level": "debug"' in done.err, "debugging is on"
    assert not leaks(done.out + done.err + "".join(capfd.readouterr()))
    assert b"X-API-Key: " + NELLIE_KEY.encode() in stage.upstream.requests[0], "the key was there to be shown"


@pytest.fixture(params=["load_json", "read_body"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the middle of an asking, whose error carries all it can get hold of."""

    def fail(*arguments: object, **options: object) -> None:
        held = [NELLIE_KEY, arguments, options]
        raise RuntimeError(f"request with headers {{'X-API-Key': {NELLIE_KEY!r}}}, args", held)

    monkeypatch.setattr(sys.modules["collector.http.client"], request.param, fail)


@pytest.mark.fault("X4")
@pytest.mark.usefixtures("broken")
def test_bug_in_the_middle_of_an_asking_shows_no_key(stage: Stage) -> None:
    done = stage.poll()
    assert (done.code, stage.outcomes, stage.snapshots) == (1, ["internal_error"], [])
    assert "(RuntimeError)" in stage.seen[0]["error"]
    assert not leaks(done.out + done.err)


@pytest.mark.fault("X4")
@pytest.mark.usefixtures("broken")
def test_traceback_of_a_bug_shows_no_key(stage: Stage) -> None:
    done = stage.daemon(lambda: stage.polls, "--verbose")
    assert done.code == 0
    assert any("RuntimeError" in line.get("exception", "") for line in done.log)
    assert "[key removed]" in done.err
    assert not leaks(done.out + done.err)


# --- X5, X6, X7 -----------------------------------------------------------------------------------------------------

FEBRUARY = ("--from", "2026-02-28", "--to", "2026-03-01")


@pytest.mark.fault("X5")
@pytest.mark.parametrize("kind", ["html", "md", "pdf", "xlsx"])
def test_text_of_a_provider_is_inert_in_every_document(stage: Stage, kind: str) -> None:
    stage.plays(usage(2, 2, listed(SCRIPT, "javascript:alert(1)")))
    assert stage.poll().code == 0
    assert {row.request_id for row in stage.requests} == {SCRIPT, "javascript:alert(1)"}, "facts are kept as they came"
    made = stage.run("report", "requests", *FEBRUARY, "--output", f"requests.{kind}")
    assert made.code == 0, made.err
    written = (stage.folder / f"requests.{kind}").read_bytes()
    assert not re.search(rb"(?<!\\)<(script>alert|img src=x)", written)
    assert b'href="javascript' not in written
    assert b"/JavaScript" not in written


@pytest.mark.fault("X5")
def test_error_of_a_provider_is_inert_where_it_is_shown(stage: Stage) -> None:
    stage.plays(json_response({"success": False, "error": SCRIPT + "\x1b[2J\u202e"}))
    done = stage.poll()
    assert (done.code, stage.outcomes) == (1, ["api_error"])
    shown = stage.run("status").out + stage.run("status", "--json").out + done.err
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.fault("X6")
def test_formulas_are_text_in_csv_and_in_workbooks(stage: Stage) -> None:
    stage.plays(usage(9, 9, listed(*FORMULAS)))
    assert stage.poll().code == 0
    assert {row.request_id for row in stage.requests} == set(FORMULAS)
    rows = list(csv.DictReader(io.StringIO(stage.run("report", "requests", *FEBRUARY, "--format", "csv").out)))
    assert {row["request_id"] for row in rows} == {f"'{one}" for one in FORMULAS}
    assert all(row["credits_used"] == "1" for row in rows), "numbers stay numbers"
    assert stage.run("report", "requests", *FEBRUARY, "--output", "requests.xlsx").code == 0
    book = openpyxl.load_workbook(stage.folder / "requests.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.value for cell in cells} >= set(FORMULAS)
    assert {cell.data_type for cell in cells if cell.value in FORMULAS} == {"s"}


@pytest.mark.fault("X7")
def test_text_of_a_provider_stays_one_short_line_of_the_log(stage: Stage) -> None:
    text = "\x1b[31m" + '\n{"level": "info"}\n' + "\u202e\0\u2028" + "x" * 500_000
    stage.plays(json_response({"success": False, "error": text, "details": text}))
    done = stage.daemon(lambda: stage.polls)
    (warning,) = [line for line in done.log if line["level"] == "warning"]
    assert len(warning["event"]) < 500
    assert "\\u001b[31m" in warning["event"]
    assert all(one.isprintable() for line in done.err.splitlines() for one in line)
    assert len(stage.polls[0].error) < 500


@pytest.mark.fault("X7")
def test_names_of_fields_stay_short_in_the_log(stage: Stage) -> None:
    odd: dict[str, Any] = {f"\x1b{number}" + "y" * 900: 1 for number in range(500)}
    stage.plays(usage(**odd))
    done = stage.daemon(lambda: stage.polls)
    (said,) = [line for line in done.log if "fields" in line]
    assert len(said["fields"]) <= 51
    assert max(map(len, said["fields"])) <= 200
    assert "\x1b" not in done.err


# --- X8, X9 ---------------------------------------------------------------------------------------------------------

_TARGETS = (
    "json://169.254.169.254/latest", "json://127.0.0.1:{port}/", "json://10.0.0.8/", "json://localhost:{port}/",
    "json://2130706433:{port}/", "json://0x7f000001:{port}/", "json://127.1:{port}/",
    "mailto://127.0.0.1:{port}/?from=a@example.com&to=b@example.com&mode=insecure",
    "mailto://169.254.169.254/?from=a@example.com&to=b@example.com&mode=insecure",
)  # fmt: skip


@pytest.fixture
def message() -> Message:
    """Something to send."""
    from datetime import UTC, datetime

    return Message("1@x.invalid", datetime(2026, 11, 2, tzinfo=UTC), "S", "text", "<p>html</p>", "brief", (), ())


@pytest.mark.fault("X8")
@pytest.mark.parametrize("target", _TARGETS)
def test_private_addresses_are_refused_where_they_are_dialled(target: str, message: Message) -> None:
    with Sink() as sink:
        with pytest.raises((ConfigError, NotifyError)):
            send(Secret(target.format(port=sink.port)), message, NOBODY, allow_private=False)
        assert sink.untouched


@pytest.mark.fault("X8")
def test_webhook_that_redirects_is_not_followed(message: Message) -> None:
    with Sink() as sink, FaultServer(json_response({}, 307, [("Location", f"{sink.origin}/steal")])) as server:
        with pytest.raises(NotifyError):
            send(Secret(f"json://127.0.0.1:{server.port}/hook"), message, NOBODY, allow_private=True)
        assert len(server.requests) == 1
        assert sink.untouched


@pytest.mark.fault("X8")
def test_name_that_leads_elsewhere_the_second_time_is_refused(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    with Sink() as sink:

        def rebinding(host: object, port: object, *arguments: object, **options: object) -> list[object]:
            asked.append(host)
            address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, sink.port))]

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        socket.getaddrinfo("hooks.example", 443)
        with pytest.raises(ConfigError, match="no public address"):
            send(Secret(f"json://hooks.example:{sink.port}/"), message, NOBODY, allow_private=False)
        assert sink.untouched
    assert len(asked) > 1


@pytest.mark.fault("X9")
@pytest.mark.parametrize("name", ["a\\nBcc: x@example.com", "a b", "A", "", "x" * 41, "-a", "é"])
def test_account_name_cannot_hold_a_mail_header(stage: Stage, name: str) -> None:
    stage.console.write(f'[[accounts]]\nname = "{name}"\nprovider = "nellie"\n')
    done = stage.run("status")
    assert done.code == 2
    assert "accounts[0].name" in done.err


@pytest.mark.fault("X9")
def test_subject_with_a_line_break_is_refused(stage: Stage) -> None:
    stage.configure(
        extra='[[reports]]\nname = "r"\nreport = "month"\nschedule = { every = "month" }\n'
        'subject = "a\\r\\nBcc: x@example.com"\n'
    )
    done = stage.run("status")
    assert done.code == 2
    assert "subject" in done.err


# --- X13 ------------------------------------------------------------------------------------------------------------

_RUNS_WHAT_IT_READS = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "yaml", "ruamel", "joblib", "code",
}  # fmt: skip
_RUNS_TEXT = {"eval", "exec", "compile", "__import__", "read_pickle", "to_pickle", "from_string"}


def _suspects(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                yield called.id
            elif isinstance(called, ast.Attribute) and called.attr != "compile":  # re.compile, select.compile
                yield called.attr


@pytest.mark.fault("X13")
def test_nothing_in_the_program_runs_what_it_reads() -> None:
    paths = [path for folder in ("collector", "reports", "migrations") for path in (REPOSITORY / folder).rglob("*.py")]
    assert len(paths) > 200
    found = {(path.name, one) for path in paths for one in _suspects(ast.parse(path.read_text()))}
    assert {pair for pair in found if pair[1] in _RUNS_WHAT_IT_READS | _RUNS_TEXT} == set()


@pytest.mark.fault("X13")
def test_template_text_from_outside_is_only_text(stage: Stage) -> None:
    template = "{{ 7 * 191 }}{% raw %}${7 * 191}#{7 * 191}{0.__class__}%(x)s"
    stage.plays(usage(1, 1, listed(template)))
    assert stage.poll().code == 0
    for kind in ("html", "md", "table", "json", "csv"):
        done = stage.run("report", "requests", *FEBRUARY, "--format", kind)
        assert done.code == 0
        assert "1337" not in done.out
    assert [row.request_id for row in stage.requests] == [template]


@pytest.mark.fault("X13")
def test_pickle_in_the_place_of_settings_or_database_is_refused(stage: Stage) -> None:
    opens = b"cos\nsystem\n(S'touch owned'\ntR."
    stage.console.write("", "collector.toml").write_bytes(opens)
    assert stage.run("status").code == 2
    stage.configure()
    assert stage.path is not None
    stage.path.write_bytes(opens)
    assert stage.run("status").code in {5, 7}
    assert stage.path.read_bytes() == opens
    assert not (stage.folder / "owned").exists()
