"""The faults of settings and keys, as ``collector poll`` meets them; ranges and outputs are tested with the reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.app.console import NELLIE_KEY, Console
from tests.upstream import Upstream

ACCOUNT = '[[accounts]]\nname = "nellie"\nprovider = "nellie"\nbase_url = "{url}"\n'


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    Attributes:
        settings: The account's table; ``{url}`` is where the provider answers.
        prepare: What else is wrong.
        says: What the message must contain.
        code: The exit code.
    """

    fault: str
    variant: str
    settings: str = ACCOUNT
    prepare: Callable[[Console], object] = lambda console: None
    says: tuple[str, ...] = ()
    code: int = 2


def key(text: str | None) -> Callable[[Console], object]:
    return lambda console: console.set("NELLIE_API_KEY", text)


def key_file(text: str, mode: int = 0o600) -> Callable[[Console], object]:
    return lambda console: console.write(text, "nellie.key").chmod(mode)


def open_settings(console: Console) -> None:
    path = console.folder / "collector.toml"
    path.write_text('[database]\nurl = "postgresql://user:secret-of-ours@127.0.0.1:9/usage"\n' + path.read_text())
    path.chmod(0o644)


FROM_FILE = ACCOUNT + 'api_key = { file = "nellie.key" }\n'.replace("{", "{{").replace("}", "}}")
AT = ACCOUNT.replace('"{url}"', '"{}"')

CASES = (
    Case("C1", "misspelt key", ACCOUNT + 'pol_every = "5m"\n', says=("pol_every", "poll_every", "line 5")),
    Case("C1", "misspelt table", ACCOUNT + "[databas]\n", says=("databas", "database")),
    Case("C2", "missing", prepare=key(None), says=("NELLIE_API_KEY",)),
    Case("C2", "empty", prepare=key(""), says=("is empty",)),
    Case("C2", "spaces", prepare=key("   "), says=("is empty",)),
    Case("C2", "changeme", prepare=key("changeme"), says=("placeholder",)),
    Case("C2", "${X}", prepare=key("${NELLIE}"), says=("placeholder",)),
    Case("C3", "line end in the file", FROM_FILE, key_file(f"{NELLIE_KEY}\r\n"), code=0),
    Case("C4", "line break", prepare=key("nel_abcdef\n012345"), says=("line break",)),
    Case("C4", "line break in the file", FROM_FILE, key_file("nel_abcdef\n012345\n"), ("line break",)),
    Case("C4", "control character", prepare=key("nel_abcdef\x1b012345"), says=("control character",)),
    Case("C4", "other alphabet", prepare=key("nel_abcdefé012345"), says=("outside ASCII",)),
    Case("C5", "http to another host", AT.format("http://api.example.com"), says=("https", "unencrypted")),
    Case("C6", "user", AT.format("https://user:secret-of-ours@api.example.com"), says=("before @",)),
    Case("C6", "query", AT.format("https://api.example.com/?token=secret-of-ours"), says=("query",)),
    Case("C6", "fragment", AT.format("https://api.example.com/#x"), says=("fragment",)),
    *(
        Case("C7", text, ACCOUNT + f'poll_every = "{text}"\n', says=("poll_every",))
        for text in ("0s", "-1s", "1e9", "NaN", "5 parsecs", "25h", "999ms")
    ),
    Case("C8", "same name twice", ACCOUNT * 2, says=("must be unique",)),
    Case("C8", "same key twice", ACCOUNT + 'name = "again"\n', says=("collector.toml",)),
    Case("C9", "same key and address twice", ACCOUNT + ACCOUNT.replace("= \"nellie\"\np", "= \"again\"\np"), code=0),
    Case("C10", "settings with a password open to all", prepare=open_settings, says=("chmod 600",)),
    Case("C10", "key file open to all", FROM_FILE, key_file(NELLIE_KEY, 0o644), ("chmod", "nellie.key")),
)  # fmt: skip


def test_every_row_has_a_case() -> None:
    assert {case.fault for case in CASES} == {f"C{number}" for number in range(1, 11)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault} {case.variant}")
def test_fault_ends_with_its_exit_code_and_asks_nobody(case: Case, console: Console, upstream: Upstream) -> None:
    console.write(case.settings.format(url=upstream.url))
    case.prepare(console)
    done = console.run("poll")
    assert done.code == case.code
    assert all(word in done.err for word in case.says)
    assert not any(word in done.err + done.out for word in ("abcdef", "012345", "secret-of-ours"))
    if case.code:
        assert (upstream.asked, console.table("poll")) == ([], [])


def test_accounts_that_count_twice_are_told_to_who_looks_after_them(console: Console, upstream: Upstream) -> None:
    both = ACCOUNT + ACCOUNT.replace('= "nellie"\np', '= "again"\np')
    console.write(both.format(url=upstream.url))
    assert "will double count if summed" in console.good("doctor").out
