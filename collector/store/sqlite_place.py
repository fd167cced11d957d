"""Where SQLite's file lies: on which kind of file system, who may touch it, how long its log is and who holds it open.

SQLite in write-ahead mode shares memory between the programs that use a file, and trusts the file system's locks; over
a network neither holds, and it then tells success while it destroys the file. What is asked of ``/proc`` is a help:
where a machine has none, nothing is refused and nobody is named.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from collector.errors import StorageError

MOUNTS = Path("/proc/self/mountinfo")

_PROCESSES = Path("/proc")
# Source: the kernel's Documentation/filesystems and the names that FUSE programs register.
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "vboxsf", "vmhgfs",
}  # fmt: skip
_NETWORK_FUSE = {
    "ceph", "ceph-fuse", "cifs", "curlftpfs", "davfs2", "gcsfuse", "glusterfs", "goofys", "juicefs", "mfs",
    "mount.davfs", "nfs", "rclone", "s3fs", "smbnetfs", "sshfs", "vmhgfs-fuse",
}  # fmt: skip
_OTHERS = stat.S_IRWXO
_MOST_NAMED = 5


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a file."""
    return path.with_name(path.name + "-wal")


def file_uri(path: Path) -> str:
    """Return the URI of a file for SQLite, to be opened with ``mode=rw``: opening must never create one silently."""
    return f"file:{quote(path.as_posix())}"


def network_filesystem_of(path: Path, mounts: str) -> str | None:
    """Return the kind of network file system that a path lies on, or None where it lies on this machine.

    Args:
        path: Absolute, without links.
        mounts: The text of ``/proc/self/mountinfo``. Source: proc(5).
    """
    deepest, kind = -1, ""
    for line in mounts.splitlines():
        where, _, what = line.partition(" - ")
        if len(where.split()) < 5 or not what:
            continue
        point = Path(_unescaped(where.split()[4]))
        # Of several mounts on one point the last one is seen.
        if path.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), what.split()[0]
    family, _, program = kind.partition(".")
    is_network = kind in _NETWORK or (family in {"fuse", "fuseblk"} and program in _NETWORK_FUSE)
    return kind if is_network else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def require_local(path: Path) -> None:
    """Make sure that a file lies on a disk of this machine.

    Raises:
        StorageError: It lies on a network file system.
    """
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = network_filesystem_of(path.resolve(), mounts)
    if kind is not None:
        raise StorageError(
            f"the database {path} lies on a network file system ({kind}): SQLite's locks and its write-ahead log do "
            "not hold there, and it would lose polls without a word; put it on a disk of this machine, use "
            "PostgreSQL, or set [database] allow_network_filesystem = true if exactly one program ever opens it"
        )


def require_writable(path: Path) -> None:
    """Make sure that a file that is there, and its folder, where the log is kept, may be written.

    Raises:
        StorageError: One of them may not.
    """
    for place, needed in ((path, os.R_OK | os.W_OK), (path.parent, os.R_OK | os.W_OK | os.X_OK)):
        if place.exists() and not _may(place, needed):
            what = "the database" if place == path else "the database's folder"
            raise StorageError(
                f"{what} {place} cannot be written ({_why_not(place)}), so no poll could be stored: nothing was asked"
            )


def _may(place: Path, needed: int) -> bool:
    return os.access(place, needed, effective_ids=os.access in os.supports_effective_ids)


def _why_not(place: Path) -> str:
    try:
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            return "its file system is mounted read-only"
        return f"mode {stat.S_IMODE(place.stat().st_mode):04o}, owner {place.stat().st_uid}"
    except OSError as error:
        return str(error.strerror)


def open_to_others(path: Path) -> str | None:
    """Return what to do about a file that every user of the machine may read or write, or None.

    SQLite gives the log and the shared memory the mode of the file.
    """
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS:
            return f"{path} is open to every user of this machine (mode {mode:04o}); run: chmod 600 {path}*"
    return None


def log_size(path: Path) -> int:
    """Return how many bytes the write-ahead log of a file has."""
    try:
        return log_of(path).stat().st_size
    except OSError:
        return 0


def holders(path: Path) -> list[str]:
    """Return the programs that hold a file open, as far as we may look: ``name (pid)`` each."""
    try:
        wanted = path.stat()
    except OSError:
        return []
    found = (one.name for one in _PROCESSES.glob("[0-9]*") if _holds(one, (wanted.st_dev, wanted.st_ino)))
    named = [f"{_name_of(pid)} ({pid})" for pid in sorted(found, key=int)]
    return [*named[:_MOST_NAMED], *(["…"] if len(named) > _MOST_NAMED else [])]


def _holds(process: Path, wanted: tuple[int, int]) -> bool:
    return any((one.st_dev, one.st_ino) == wanted for one in _opened_by(process))


def _opened_by(process: Path) -> Iterator[os.stat_result]:
    with suppress(OSError):
        for one in (process / "fd").iterdir():
            with suppress(OSError):
                yield one.stat()


def _name_of(pid: str) -> str:
    try:
        return (_PROCESSES / pid / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
