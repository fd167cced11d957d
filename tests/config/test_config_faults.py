"""Rows C1 to C10 of the table of faults, each with its inputs and what the operator is told.

A row without a case fails, and so does a message that shows the canary: the key or password of the case.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collector.config import Settings, double_counting, load
from collector.errors import ConfigError

CANARY = "c4n4ryQ9zX7w"
ROWS = {f"C{number}" for number in range(1, 11)}

ACCOUNT = '[[accounts]]\nname = "a"\nprovider = "nellie"\n'
BY_VARIABLE = ACCOUNT + 'api_key = { env = "KEY" }\n'
BY_FILE = ACCOUNT + 'api_key = { file = "key" }\n'
NO_FAULT = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One bad input.

    Attributes:
        told: What the message contains; empty where the input is accepted.
        environ: The environment; ``KEY`` holds the key where the account has it there.
        key_file: Content of the key file, if any.
    """

    row: str
    text: str
    told: str
    environ: dict[str, str] = field(default_factory=dict)
    key_file: bytes | None = None
    key_mode: int = 0o600
    mode: int = 0o600


def interval(text: str, told: str) -> Case:
    return Case("C7", f"{ACCOUNT}poll_every = {text}", told)


def address(row: str, text: str, told: str) -> Case:
    return Case(row, f"{ACCOUNT}base_url = {json.dumps(text)}", told)


CASES = [
    Case("C1", f"{ACCOUNT}[accounts.billing]\nanchor_dy = 1", "accounts[0].billing.anchor_dy is unknown; did you mean"),
    Case("C1", f'{ACCOUNT}key = "{CANARY}"', "accounts[0].key is unknown"),
    Case("C1", f'{ACCOUNT}[accounts.kee]\n"{"k" * 99}" = "{CANARY}"', "line 4: accounts[0].kee is unknown"),
    Case(
        "C1", "", "did you mean COLLECTOR_DATABASE__URL?", {"COLLECTOR_DATABASE__URI": f"postgresql://u:{CANARY}@h/d"}
    ),
    *(
        Case("C2", BY_VARIABLE, "account a: the key in environment variable KEY is a placeholder", {"KEY": key})
        for key in ("changeme", "${X}", "<YOUR_API_KEY>", "your_api_key", "nel_your_api_key", "nel_your_api_key_here")
    ),
    *(
        Case("C2", BY_VARIABLE, "account a: the key in environment variable KEY is empty", {"KEY": key})
        for key in ("", " ", "\n")
    ),
    Case("C2", BY_VARIABLE, "account a: the environment variable KEY is not set"),
    Case("C2", BY_FILE, "is empty", key_file=b"\n"),
    Case("C2", BY_FILE, "account a: cannot read "),
    Case("C2", f'{ACCOUNT}api_key = "{CANARY}"', "line 4: accounts[0].api_key must name the place of the key"),
    Case(
        "C2",
        f'{ACCOUNT}api_key = {{ env = "nel_{CANARY}" }}',
        "the environment variable that api_key.env names is not set",
    ),
    *(Case("C3", BY_FILE, NO_FAULT, key_file=CANARY.encode() + end) for end in (b"", b"\n", b"\r\n", b"\r")),
    Case("C3", BY_FILE, "line break", key_file=CANARY.encode() + b"\n\n"),
    Case("C3", BY_FILE, "space", key_file=CANARY.encode() + b" \n"),
    *(
        Case("C4", BY_VARIABLE, told, {"KEY": CANARY + inner + CANARY})
        for inner, told in (("\n", "line break"), ("\r\n", "line break"), ("\0", "control"), ("é", "outside ASCII"))
    ),
    Case("C4", BY_FILE, "line break", key_file=f"{CANARY}\nX-Other: 1".encode()),
    Case("C4", BY_FILE, "outside ASCII", key_file=f"{CANARY}\u200b".encode()),
    address("C5", "http://api.nelliewriter.com", "line 4: accounts[0].base_url must begin with https://"),
    address("C5", "http://localhost.example", "must begin with https://"),
    address("C5", "http://127.0.0.1:8080", NO_FAULT),
    address("C6", f"https://user:{CANARY}@api.nelliewriter.com", "must not carry a user or password"),
    address("C6", f"https://api.nelliewriter.com/?key={CANARY}", "must not carry a query"),
    address("C6", f"https://api.nelliewriter.com/#{CANARY}", "a fragment"),
    interval("0", "line 4: accounts[0].poll_every must be a duration in quotes"),
    interval("-1", "must be a duration in quotes"),
    interval("1e9", "must be a duration in quotes"),
    interval("nan", 'must be a duration in quotes such as "30s" or "5m"; found nan'),
    interval('"NaN"', "must be a duration such as"),
    interval('"0s"', "must be from 10s to 24h"),
    interval('"-1s"', "must be a duration such as"),
    interval('"1e9s"', "must be a duration such as"),
    interval('"5 parsecs"', 'must be a duration such as "30s", "5m", "6h" or "1d"; found "5 parsecs"'),
    interval('"9s"', "must be from 10s to 24h"),
    interval('"25h"', "must be from 10s to 24h"),
    interval('"1s"\nbase_url = "http://[::1]:8080"', NO_FAULT),
    interval('"0s"\nbase_url = "http://[::1]:8080"', "must be from 1s to 24h"),
    Case("C8", ACCOUNT + ACCOUNT, 'line 5: accounts[1].name must be unique; "a" is accounts[0] already'),
    Case("C8", f'{ACCOUNT}name = "b"', "line 4: not valid TOML: this key is given twice"),
    Case("C8", "[http]\n[http]\n", "line 2: not valid TOML: the table 'http' is given twice"),
    Case("C8", "", "a key given twice", {"COLLECTOR_ACCOUNTS": '[{"name": "a", "name": "b"}]'}),
    Case("C9", BY_VARIABLE + BY_VARIABLE.replace('"a"', '"b"'), "double count if summed", {"KEY": CANARY}),
    *(
        Case("C10", text.replace("PASSWORD", CANARY), "holds a secret and is open to other users", mode=mode)
        for text in (
            '[database]\nurl = "postgresql://user:PASSWORD@host/usage"',
            '[database]\nurl = "postgresql://user@host/usage?password=PASSWORD"',
            '[http]\nproxy = "http://user:PASSWORD@proxy.example:3128"',
        )
        for mode in (0o640, 0o604, 0o644)
    ),
    Case("C10", f'[database]\nurl = "postgresql://user:{CANARY}@host/usage"', NO_FAULT, mode=0o600),
    Case("C10", '[database]\nurl = "postgresql://user@host/usage"', NO_FAULT, mode=0o644),
    *(Case("C10", BY_FILE, "chmod 600", key_file=CANARY.encode(), key_mode=mode) for mode in (0o640, 0o604, 0o660)),
    *(Case("C10", BY_FILE, NO_FAULT, key_file=CANARY.encode(), key_mode=mode) for mode in (0o600, 0o400)),
]


def told(case: Case, write: Callable[..., Path]) -> str:
    """Return what the operator reads from loading, and then from polling every account."""
    path = write(case.text, case.mode)
    if case.key_file is not None:
        (path.parent / "key").write_bytes(case.key_file)
        (path.parent / "key").chmod(case.key_mode)
    environ = {"NELLIE_API_KEY": "nel_usual"} | case.environ
    try:
        settings: Settings = load(path, environ)
        shown = repr([account.account(environ) for account in settings.accounts])
    except ConfigError as error:
        return f"exit {error.exit_code}: {error}"
    assert CANARY not in shown + repr(settings)
    return "".join(double_counting(settings, environ))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.row}-{number}" for number, case in enumerate(CASES)])
def test_bad_input_is_told_as_the_table_says(case: Case, write: Callable[..., Path]) -> None:
    message = told(case, write)

    assert case.told in message
    assert message.startswith("exit 2: ") is (case.told != NO_FAULT and case.row != "C9")


@pytest.mark.parametrize("case", CASES, ids=[f"{case.row}-{number}" for number, case in enumerate(CASES)])
def test_no_message_shows_a_secret(case: Case, write: Callable[..., Path]) -> None:
    assert CANARY not in told(case, write)


def test_every_row_has_a_case() -> None:
    assert {case.row for case in CASES} == ROWS


def test_unknown_time_zone_is_refused_at_the_start(refused: Callable[..., str]) -> None:
    """Row T10."""
    assert 'found "Europe/Berln"; did you mean Europe/Berlin?' in refused(f'{ACCOUNT}timezone = "Europe/Berln"')
