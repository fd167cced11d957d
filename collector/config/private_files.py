"""Reading files that may hold a secret, and refusing those that other users of the machine can read.

The permissions are those of the file that was opened, so nobody can exchange it between the check and the reading.
Only its owner may have any: who is in a group changes without the file. Container engines hand out secrets below
``/run/secrets`` as world-readable files that only the container sees, and systemd hands out credentials below
``/run/credentials`` with an access list, whose mask shows as the group's permissions; those are accepted.

Public: ``read_private``, ``PrivateFile``, ``without_line_end``.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from collector.errors import ConfigError

_HANDED_OUT = tuple(map(Path, ("/run/secrets", "/var/run/secrets", "/run/credentials")))


@dataclass(frozen=True, slots=True)
class PrivateFile:
    """A file's content and who may touch it.

    Attributes:
        mode: The permission bits, such as ``0o600``.
    """

    path: Path
    content: bytes
    mode: int

    def refuse_others(self) -> None:
        """Raise ConfigError if anybody but the owner may read, write or run the file."""
        if self.mode & (stat.S_IRWXG | stat.S_IRWXO) and not self._is_handed_out():
            raise ConfigError(
                f"{self.path} holds a secret and is open to other users (mode {self.mode:04o}); "
                f"run: chmod 600 {shlex.quote(str(self.path))}"
            )

    def _is_handed_out(self) -> bool:
        return any(self.path.resolve().is_relative_to(folder) for folder in _HANDED_OUT)


def read_private(path: Path, limit: int) -> PrivateFile:
    """Return the content and permissions of the file at ``path``.

    Raises:
        ConfigError: There is no such file, it cannot be read, or it is longer than ``limit`` bytes.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigError(f"cannot read {path}: {reason}") from None
    if len(content) > limit:
        raise ConfigError(f"{path} is longer than the {limit} bytes it may have; is it the right file?")
    return PrivateFile(path, content, mode)


def without_line_end(text: str) -> str:
    """Return ``text`` without the one line end that editors and ``echo`` put after the last line."""
    for end in ("\r\n", "\n", "\r"):
        if text.endswith(end):
            return text.removesuffix(end)
    return text
