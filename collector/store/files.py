"""Which files may be written: a regular one is replaced, anything else is left alone."""

from __future__ import annotations

import stat
from pathlib import Path

from collector.errors import UsageError


def require_replaceable(target: Path) -> None:
    """Make sure that ``target`` is free or a regular file.

    Raises:
        UsageError: It is a folder, a link or a device, or its folder is not there.
    """
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        if target.parent.is_dir():
            return
        raise UsageError(f"cannot write {target}: the folder {target.parent} is not there") from None
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"cannot write {target}: it is there and is no regular file")
