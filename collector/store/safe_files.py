"""Writes files that must outlast a crash and a power cut: whole, synced, for their owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def place_safely(path: Path, data: bytes) -> None:
    """Write a file, mode 0600, that after a crash or a power cut is whole: as it was before, or as it is now.

    Raises:
        OSError: It cannot be written; what was there is still there.
    """
    aside = path.with_name(f".{path.name}.part")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    _sync_folder(path.parent)


def private_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, with those above it that are missing, to outlast a power cut.

    Raises:
        OSError: It cannot be made.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(one.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
