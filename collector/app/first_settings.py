"""Writes the first settings file: private from the start, never over an existing one."""

from __future__ import annotations

import os
from pathlib import Path

from collector.errors import ConfigError

_IGNORED = "collector.toml\n*.key\n*.db\n*.db-wal\n*.db-shm\n*.db.*\n"


def write_settings(path: Path, text: str) -> Path | None:
    """Write ``text`` to ``path`` with mode 0600, and a .gitignore beside it where there is none.

    Returns:
        The .gitignore that was written, or None.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and was left as it is; edit it, or remove it first") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    ignore = path.parent / ".gitignore"
    try:
        with ignore.open("x", encoding="utf-8") as out:
            out.write(_IGNORED)
    except OSError:  # it is there, or the folder only lets us write what we wrote: either way it stays as it is
        return None
    return ignore
