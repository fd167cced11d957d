"""A canary key in everything the program can be made to do, and the search for it wherever it wrote, spoke or showed.

Every other test is searched, too: its ``tmp_path`` and what it printed (``tests/conftest.py``). Here the program is
driven through all its verbs while the provider echoes the key in every place, and what holds a key is asked for it.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import pickle
import pprint
import resource
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.app.wiring import load_settings
from collector.domain.accounts import Account
from collector.domain.periods import Billing
from collector.domain.secret import Secret
from collector.polling.redaction import Redactor
from collector.store.backup import backup
from collector.store.engine import Database
from tests import canary
from tests.canary import NELLIE_KEY, SMTP_PASSWORD, leaks
from tests.faults.stage import Stage, usage
from tests.http.fault_server import json_response, raw, response
from tests.notifications.sink import Sink as MailSink

TWICE = NELLIE_KEY.replace("l", "\\u006c").replace("/", "\\/")
_CODED = NELLIE_KEY.encode().hex()


def echoing() -> Callable[..., Any]:
    """Answer well, with the key wherever a provider may put text."""
    record = {"createdAt": "2026-02-28T10:30:00Z", "completedAt": None, "creditsUsed": 1, "note": NELLIE_KEY}
    listed: list[object] = [
        {**record, "requestId": NELLIE_KEY, "status": "processing"},
        {**record, "requestId": f"r-{NELLIE_KEY[:20]}", "status": NELLIE_KEY},
        {**record, "requestId": f"q-{_CODED}", "status": f"x{NELLIE_KEY[6:24]}x"},
        {**record, "requestId": "r-good", "status": "completed", NELLIE_KEY: NELLIE_KEY},
        {**record, "requestId": "x" * 300 + NELLIE_KEY, "status": "too long an id"},
        {**record, "requestId": "r-bad", "status": "completed", "createdAt": NELLIE_KEY},
    ]
    return usage(6, 6, listed, **{NELLIE_KEY: 1, f"{_CODED}": NELLIE_KEY})


FAULTY = {
    "error": json_response(
        {"success": False, "error": f"key {NELLIE_KEY}", "errorCode": NELLIE_KEY, "details": _CODED}
    ),
    "spelt": raw(response(f'{{"success": false, "error": "{TWICE}"}}'.encode())),
    "401": json_response({"error": NELLIE_KEY}, 401, [("WWW-Authenticate", NELLIE_KEY)]),
    "location": json_response({}, 302, [("Location", f"https://{NELLIE_KEY}@{NELLIE_KEY}/{NELLIE_KEY}")]),
    "page": raw(response(f"<a href='?key={NELLIE_KEY}'>{_CODED}</a>".encode(), kind="text/html")),
    "broken": raw(response(f'{{"a": "{NELLIE_KEY}'.encode())),
    "schema": json_response({"success": True, "totalRequests": NELLIE_KEY, NELLIE_KEY: 1}),
    "slices": raw(response(" ".join(NELLIE_KEY[at : at + 8] for at in range(22)).encode(), kind="text/html")),
}
_VERBS = (
    ("status",), ("status", "--json"), ("doctor",), ("doctor", "--json"), ("verify",), ("verify", "--json"),
    ("report", "requests", "--gaps"), ("report", "requests", "--summary"), ("resets", "list"), ("can-spend", "5"),
    ("export", "snapshots"), ("export", "requests"), ("export", "focus"), ("export", "beancount"),
    ("db", "check"), ("db", "backup", "copy.db"), ("init",), ("reports", "list"), ("--version",),
)  # fmt: skip


@pytest.mark.fault("X3", "X5")
def test_no_verb_writes_or_says_a_key_that_is_echoed_everywhere(stage: Stage) -> None:
    stage.plays(echoing())
    assert stage.poll().code == 0
    assert len(stage.requests) == 4
    for behaviour in FAULTY.values():
        stage.plays(behaviour)
        stage.poll()
    assert len(stage.polls) == 1 + len(FAULTY)
    for words in _VERBS:
        stage.run(*words)
    for name in ("daily", "burn", "exhaustion"):
        stage.run("report", name)
    for kind in ("json", "csv", "md", "html", "xlsx", "parquet"):
        stage.run("report", "requests", "--output", f"requests.{kind}")
    assert (stage.folder / "copy.db").exists()
    assert (stage.folder / "requests.xlsx").exists()
    said = "\n".join(stage.printed)
    assert "[key removed]" in said
    assert not leaks(said)
    assert canary.leaks_in_files(stage.folder) == {}


@pytest.mark.fault("X4")
def test_daemon_that_tells_everything_keeps_the_key_to_itself(stage: Stage) -> None:
    stage.configure(account='poll_every = "1s"\n')
    stage.plays(echoing(), *FAULTY.values())
    done = stage.daemon(lambda: len(stage.polls) > 3, "--verbose")
    assert any(line["level"] == "debug" for line in done.log)
    assert not leaks(done.err)


@pytest.mark.parametrize("login", ["", f"me:{SMTP_PASSWORD}@"], ids=["sent", "refused with its password"])
def test_mail_and_its_files_hold_no_key_and_no_password(stage: Stage, login: str) -> None:
    stage.plays(echoing())
    with MailSink() as mail:
        stage.console.set("REPORT_MAIL_URL", mail.url("ann@example.com").replace("mailto://", f"mailto://{login}", 1))
        stage.configure(
            account='[accounts.billing]\nperiod = "monthly"\n',
            extra='[notify]\nallow_private = true\n[[reports]]\nname = "r"\nreport = "month"\naccounts = ["acct"]\n'
            'schedule = { every = "month" }\nto = [{ env = "REPORT_MAIL_URL" }]\nformats = ["html", "csv"]\n',
        )
        assert stage.poll().code == 0
        done = stage.run("reports", "test", "r")
        listed = stage.run("reports", "list", "--json")
        letters = [letter for _, letter in mail.accepted]
    assert bool(letters) is (not login), done.err
    parts = [part.get_payload(decode=True) for letter in letters for part in letter.walk()]
    assert not leaks(b"".join(part for part in parts if isinstance(part, bytes)))
    assert not leaks("".join(map(str, letters)) + done.out + done.err + listed.out)


@pytest.mark.parametrize("words", [("status",), ("doctor",), ("db", "check")], ids=" ".join)
def test_password_of_the_database_is_not_said(stage: Stage, words: tuple[str, ...]) -> None:
    stage.console.set("COLLECTOR_DATABASE__URL", f"postgresql://me:{SMTP_PASSWORD}@127.0.0.1:1/none?connect_timeout=1")
    done = stage.run(*words)
    assert done.code == 5
    assert not leaks(done.out + done.err)


# --- what holds a key -----------------------------------------------------------------------------------------------


def account() -> Account:
    """Return an account with its key."""
    return Account(
        name="a", provider="nellie", base_url="https://x", key=Secret(NELLIE_KEY), zone=ZoneInfo("UTC"),
        poll_every=timedelta(minutes=5), billing=Billing(),
    )  # fmt: skip


SHOWN: dict[str, Callable[[object], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda held: f"{held!s:>200}{held!r}{held}",
    "pprint": pprint.pformat,
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "json": lambda held: json.dumps(held, default=repr),
    "asdict": lambda held: dataclasses.asdict(held) if isinstance(held, Account) else None,
    "vars": vars,
    "state": lambda held: held.__getstate__(),
}
HOLDERS: dict[str, Callable[[], object]] = {
    "secret": lambda: Secret(NELLIE_KEY),
    "account": account,
    "list": lambda: [Secret(NELLIE_KEY), {"key": Secret(NELLIE_KEY)}],
    "redactor": lambda: Redactor([Secret(NELLIE_KEY)]),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
def test_what_holds_a_key_does_not_show_it(holder: Callable[[], object], show: Callable[[object], object]) -> None:
    try:
        shown = show(holder())
    except (TypeError, AttributeError) as refused:
        shown = refused
    text = shown if isinstance(shown, bytes) else repr(shown).encode()
    assert not leaks(text)


def test_settings_show_no_password(stage: Stage) -> None:
    stage.console.set("COLLECTOR_DATABASE__URL", f"postgresql://me:{SMTP_PASSWORD}@db.example/usage")
    stage.console.set("COLLECTOR_HTTP__PROXY", f"http://me:{SMTP_PASSWORD}@proxy.example:3128")
    settings = load_settings(stage.folder / "collector.toml", dict(os.environ))
    assert not leaks(repr(settings) + pprint.pformat(settings))
    assert SMTP_PASSWORD in settings.database_url, "it was there to be shown"


# --- the system around the program ----------------------------------------------------------------------------------


def test_program_that_copies_postgresql_is_told_no_key(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nenv > "{tmp_path}/{name}.env"\necho "$@" > "{tmp_path}/{name}.args"\n')
        script.chmod(0o755)
    database = Database(f"postgresql://me:{SMTP_PASSWORD}@127.0.0.1:1/none")
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "NELLIE_API_KEY": NELLIE_KEY, "REPORT_URL": f"x://{SMTP_PASSWORD}"}
    try:
        backup(database, tmp_path / "copy.dump", environ)
    finally:
        database.close()
    assert not leaks((tmp_path / "pg_dump.args").read_bytes())
    told = canary.meant(tmp_path / "pg_dump.env").read_text()
    canary.meant(tmp_path / "pg_restore.env")
    assert not leaks(told, NELLIE_KEY)
    assert told.count(SMTP_PASSWORD) == 1, "the password goes by PGPASSWORD, and only there"


def test_crash_leaves_no_memory_on_the_disk(stage: Stage) -> None:
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    stage.run("--version")
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


def test_key_is_read_from_a_file_that_only_its_owner_may_read(stage: Stage) -> None:
    path = stage.key_file("nellie.key", f"{NELLIE_KEY}\n")
    stage.console.set("NELLIE_API_KEY", None)
    stage.configure(account='api_key = { file = "nellie.key" }')
    assert stage.poll().code == 0
    assert b"X-API-Key: " + NELLIE_KEY.encode() + b"\r\n" in stage.upstream.requests[0]
    path.chmod(0o644)
    done = stage.poll()
    assert (done.code, len(stage.polls)) == (2, 1)
    assert "chmod 600" in done.out


@pytest.mark.parametrize("place", [f'"{NELLIE_KEY}"', f'{{ env = "{NELLIE_KEY}" }}', f'{{ keyring = "{NELLIE_KEY}" }}'])
def test_key_in_the_settings_is_refused_with_the_reason_and_not_shown(stage: Stage, place: str) -> None:
    canary.meant(stage.configure(account=f"api_key = {place}"))
    stage.key_file("collector.toml", (stage.folder / "collector.toml").read_text())
    done = stage.poll()
    assert done.code == 2
    assert "api_key" in done.out + done.err
    assert not leaks(done.out + done.err)


def test_files_are_the_owners_alone(stage: Stage) -> None:
    before = os.umask(0o000)
    try:
        stage.run("poll")
        stage.run("db", "backup", "copy.db")
        stage.run("report", "daily", "--output", "daily.html")
    finally:
        os.umask(before)
    written = [path for path in stage.folder.rglob("*") if path.name not in {"collector.toml", "usage.db"}]
    assert {"copy.db", "daily.html"} <= {path.name for path in written}
    open_ones = {path.name: oct(path.stat().st_mode) for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077}
    assert open_ones == {}
