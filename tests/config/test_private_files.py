import os
from pathlib import Path

import pytest

from collector.config.private_files import PrivateFile, read_private, without_line_end
from collector.errors import ConfigError


def test_content_and_mode_are_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"content")
    path.chmod(0o640)

    assert read_private(path, 100) == PrivateFile(path, b"content", 0o640)


def test_permissions_are_those_of_what_a_link_points_to(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"content")
    (tmp_path / "key").chmod(0o604)
    (tmp_path / "link").symlink_to(tmp_path / "key")

    assert read_private(tmp_path / "link", 100).mode == 0o604


def test_pipe_can_be_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"content")
    os.close(writing)

    assert read_private(Path(f"/dev/fd/{reading}"), 100).content == b"content"
    os.close(reading)


@pytest.mark.parametrize("name", ["missing", ".", "x" * 300, "nul\0"], ids=repr)
def test_unreadable_path_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*: "):
        read_private(tmp_path / name, 100)


def test_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than the 100 bytes"):
        read_private(Path("/dev/zero"), 100)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o602, 0o610, 0o601, 0o644, 0o440, 0o777], ids=oct)
def test_openness_to_anybody_but_the_owner_is_refused_with_the_command_that_ends_it(mode: int) -> None:
    with pytest.raises(ConfigError, match=r"holds a secret .* \(mode 0\d{3}\); run: chmod 600 '/srv/my key'"):
        PrivateFile(Path("/srv/my key"), b"", mode).refuse_others()


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700], ids=oct)
def test_owner_alone_is_accepted(mode: int) -> None:
    PrivateFile(Path("/srv/key"), b"", mode).refuse_others()


@pytest.mark.parametrize(
    ("path", "mode"),
    [("/run/secrets/nellie", 0o444), ("/run/credentials/usage-collector.service/nellie", 0o440)],
    ids=["container", "systemd"],
)
def test_secret_handed_out_by_what_starts_the_program_is_accepted(path: str, mode: int) -> None:
    PrivateFile(Path(path), b"", mode).refuse_others()


@pytest.mark.parametrize("path", ["/run/secrets/../../srv/key", "/run/secretsx/key", "/run/credentials.d/key"], ids=str)
def test_path_that_only_looks_handed_out_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="chmod"):
        PrivateFile(Path(path), b"", 0o444).refuse_others()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a", "a"),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\r", "a"),
        ("a\n\n", "a\n"),
        ("a\n\r\n", "a\n"),
        ("\n", ""),
        ("a ", "a "),
    ],
    ids=repr,
)
def test_one_line_end_is_taken_off(text: str, kept: str) -> None:
    assert without_line_end(text) == kept
