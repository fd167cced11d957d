from pathlib import Path

import pytest

from collector.config.keys import KeySource, fault_of
from collector.domain.secret import Secret
from collector.errors import ConfigError

CANARY = "nel_c4n4ryQ9zX"


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> KeySource:
    path = folder / "nellie.key"
    path.write_bytes(content)
    path.chmod(mode)
    return KeySource(file=path)


def test_key_is_read_from_the_environment_that_was_passed() -> None:
    assert KeySource(env="NELLIE_API_KEY").read({"NELLIE_API_KEY": CANARY}) == Secret(CANARY)


def test_key_is_read_anew_each_time(tmp_path: Path) -> None:
    source = key_file(tmp_path, b"first")
    source.read({})
    key_file(tmp_path, b"second")

    assert source.read({}) == Secret("second")


def test_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="environment variable NELLIE_API_KEY is not set; export it"):
        KeySource(env="NELLIE_API_KEY").read({"OTHER": CANARY})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"], ids=repr)
def test_one_line_end_of_a_file_is_no_part_of_the_key(tmp_path: Path, end: bytes) -> None:
    assert key_file(tmp_path, CANARY.encode() + end).read({}) == Secret(CANARY)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*missing: No such file"):
        KeySource(file=tmp_path / "missing").read({})


def test_file_too_long_for_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is it the right file"):
        key_file(tmp_path, b"k" * 8193).read({})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660], ids=oct)
def test_file_open_to_others_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        key_file(tmp_path, CANARY.encode(), mode=mode).read({})


@pytest.mark.parametrize("mode", [0o600, 0o400], ids=oct)
def test_file_of_its_owner_alone_is_read(mode: int, tmp_path: Path) -> None:
    assert key_file(tmp_path, CANARY.encode(), mode=mode).read({}).reveal() == CANARY


@pytest.mark.parametrize("content", [b"\xff" * 9, "nél_key".encode(), b"\xef\xbb\xbf" + CANARY.encode()], ids=repr)
def test_file_in_another_encoding_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="outside ASCII"):
        key_file(tmp_path, content).read({})


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "is empty"),
        (" \t\n", "is empty"),
        (f"{CANARY}\n", "line break"),
        (f"{CANARY}\r\nX-Injected: 1", "line break"),
        (f"{CANARY}\0", "control"),
        (f"{CANARY}\x7f", "control"),
        (f"{CANARY}\u2028", "outside ASCII"),
        (f"{CANARY}\ud800", "outside ASCII"),
        (f" {CANARY}", "space"),
        (f"Bearer {CANARY}", "space"),
        (f'"{CANARY}"', "quotes"),
        (f"'{CANARY}'", "quotes"),
    ],
    ids=repr,
)
def test_what_cannot_be_sent_is_refused_without_being_shown(key: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        KeySource(env="K").read({"K": key})
    assert not key.strip() or CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        "changeme", "CHANGE_ME", "please-change-me", "replace_me", "${NELLIE_API_KEY}", "$NELLIE_API_KEY", "$(cat key)",
        "{{ key }}", "%NELLIE_API_KEY%", "<YOUR_API_KEY>", "<key>", "your_api_key", "your-api-key", "yourkey",
        "nel_your_api_key", "nel_your_api_key_here", "YOUR_NECTED_API_KEY", "insert-key-here", "nel_...", "nel_xxxx",
        "xxxxxxxx", "********", "...", "todo", "none", "null", "placeholder", "api_key", "\tchangeme\n",
    ],
    ids=repr,
)  # fmt: skip
def test_placeholder_is_no_key(key: str) -> None:
    assert "placeholder" in (fault_of(key) or "")


@pytest.mark.parametrize(
    "key",
    [CANARY, "k", "test-key", "secret", "nel_" + "a1" * 20, "AbC+/=.~_-!#$%&*@[]{}", "x1xx", "nullable", "yourself"],
    ids=repr,
)
def test_anything_a_provider_might_hand_out_is_a_key(key: str) -> None:
    assert fault_of(key) is None
