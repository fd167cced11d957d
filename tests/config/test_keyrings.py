from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from collector.config.keyrings import KeyringEntry
from collector.config.keys import KeySource
from collector.domain.secret import Secret
from collector.errors import ConfigError
from tests.canary import NELLIE_KEY, leaks
from tests.config.conftest import Loaded, Refused

ACCOUNT = '[[accounts]]\nname = "prod"\nprovider = "nellie"\n'


class InMemory(KeyringBackend):
    """A keyring that asks a function."""

    priority = 1

    def __init__(self, found: Callable[[str, str], str | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it without types
        self._found = found

    def get_password(self, service: str, username: str) -> str | None:
        return self._found(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


Use = Callable[[KeyringBackend], None]


@pytest.fixture
def use() -> Iterator[Use]:
    """Return a function that makes a keyring the system's."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def holding(**entries: str) -> InMemory:
    return InMemory(lambda service, username: entries.get(username) if service == "usage-collector" else None)


def source(username: str = "prod", service: str = "usage-collector") -> KeySource:
    return KeySource(entry=KeyringEntry(service, username))


def fail(error: Exception) -> InMemory:
    def raises(service: str, username: str) -> str | None:
        raise error

    return InMemory(raises)


def refusal(of: KeySource) -> str:
    with pytest.raises(ConfigError) as caught:
        of.read({})
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_key_is_read_from_the_keyring(use: Use) -> None:
    use(holding(prod=NELLIE_KEY))
    assert source().read({}) == Secret(NELLIE_KEY)


def test_one_line_end_is_no_part_of_it(use: Use) -> None:
    use(holding(prod=f"{NELLIE_KEY}\n"))
    assert source().read({}) == Secret(NELLIE_KEY)


def test_username_is_the_account_unless_it_is_given(loaded: Loaded, use: Use) -> None:
    use(holding(prod="key-of-the-account", ops="key-of-ops"))
    text = f'{ACCOUNT}api_key = {{ keyring = "usage-collector" }}\n'
    assert loaded(text).accounts[0].key_source.read({}) == Secret("key-of-the-account")
    text = f'{ACCOUNT}api_key = {{ keyring = "usage-collector", username = "ops" }}\n'
    assert loaded(text).accounts[0].key_source.read({}) == Secret("key-of-ops")


@pytest.mark.parametrize("key", [f"{NELLIE_KEY}\nX-Injected: 1", "changeme", "", "\udcff"], ids=repr)
def test_what_cannot_be_a_key_is_refused_and_not_shown(key: str, use: Use) -> None:
    use(holding(prod=key))
    said = refusal(source())
    assert said.startswith("the key in the keyring entry of usage-collector for prod ")
    assert not leaks(said)


def test_missing_entry_is_named_with_the_command_that_makes_it(use: Use) -> None:
    use(holding())
    assert refusal(source()) == (
        "the keyring entry of usage-collector for prod does not exist; put the key there with "
        "`keyring set usage-collector prod`"
    )


def test_locked_keyring_is_said_to_be_locked(use: Use) -> None:
    use(fail(KeyringLocked("locked")))
    assert "is locked; unlock the keyring of the user who runs the collector" in refusal(source())


def test_machine_without_a_keyring_is_told_of_files(use: Use) -> None:
    use(NoKeyring())  # type: ignore[no-untyped-call]  # keyring leaves it without types
    assert "use api_key = { file = … }" in refusal(source())


def test_words_of_a_backend_are_not_passed_on(use: Use) -> None:
    use(fail(RuntimeError(f"D-Bus said {NELLIE_KEY}")))
    said = refusal(source())
    assert "cannot be read (RuntimeError)" in said
    assert not leaks(said)


def test_missing_library_is_told_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'usage-collector[keyring]'" in refusal(source())


def test_key_in_the_place_of_the_service_is_not_shown(use: Use) -> None:
    use(holding())
    said = refusal(source(service=NELLIE_KEY))
    assert "the keyring entry that api_key.keyring names does not exist" in said
    assert not leaks(said)


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ('{ keyring = "a", env = "A" }', "must name one place"),
        ('{ keyring = "a", file = "b" }', "must name one place"),
        ('{ username = "a" }', "must name one place"),
        ('{ env = "A", username = "a" }', "takes a username only beside keyring"),
        ('{ keyring = "" }', "accounts[0].api_key.keyring must be text in quotes, not empty"),
        (f'"{NELLIE_KEY}"', '{ keyring = "SERVICE" }'),
    ],
    ids=repr,
)
def test_place_that_is_none_is_refused(place: str, fault: str, refused: Refused, tmp_path: object) -> None:
    said = refused(f"{ACCOUNT}api_key = {place}\n")
    assert fault in said
    assert not leaks(said)
