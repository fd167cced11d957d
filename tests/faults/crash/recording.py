"""What a process really did to the files of one folder: its system calls, in order, as ``strace`` saw them.

Only calls that can change a file or make it durable are kept. One that changes a file in a way that is not known here
ends the reading with an error: a recording that is not whole proves nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    "openat,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fsync,fdatasync,sync_file_range,"
    "unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,mkdir,mkdirat,rmdir,fallocate,copy_file_range,sendfile,splice"
)
_LINE = re.compile(r"(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>)?")
_HANDLE = re.compile(r"(\w+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written at a place of a file; without a place at its end."""

    path: str
    data: bytes
    at: int | None


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file's new length."""

    path: str
    length: int


@dataclass(frozen=True, slots=True)
class _Path:
    """What is done to one path."""

    path: str


class Sync(_Path):
    """What was written to a file, or which names a folder has, is durable from here on."""


@dataclass(frozen=True, slots=True)
class Create:
    """A file that was opened for writing; it is made if it is not there, and emptied if so asked."""

    path: str
    empty: bool


class Folder(_Path):
    """A folder that was made."""


class Unlink(_Path):
    """A name that was removed."""


@dataclass(frozen=True, slots=True)
class Rename:
    """A name that was given to another file's place."""

    path: str
    to: str


Step = Write | Truncate | Sync | Create | Folder | Unlink | Rename

_NAMING: Mapping[str, type[Folder | Unlink | Rename]] = {"mkdir": Folder, "unlink": Unlink, "rename": Rename}


def record(folder: Path, words: Sequence[str], into: Path, cwd: Path) -> list[Step]:
    """Run Python with ``words`` and return what it did to the files in ``folder``."""
    tracer = shutil.which("strace")
    assert tracer is not None, "the recording of writes needs strace: apt-get install strace"
    command = [
        tracer,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-xx",
        "-yy",
        "-s",
        "2000000",
        "-o",
        str(into),
        "-e",
        f"trace={_CALLS}",
    ]
    done = subprocess.run(
        [*command, sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    with into.open() as lines:
        return list(_steps(lines, f"{folder}/"))


def _steps(lines: Iterator[str], folder: str) -> Iterator[Step]:
    for line in lines:
        assert "unfinished" not in line or "resumed" not in line, "two threads wrote at once: their order is not known"
        found = _LINE.match(line)
        if found is None or found[3] == "-1":
            continue
        step = _step(found[1], found[2], found[3], found[4])
        # The memory that SQLite shares between processes lies in a file; after a power cut it is made anew.
        if step is not None and f"{step.path}/".startswith(folder) and not step.path.endswith("-shm"):
            yield step


def _step(call: str, arguments: str, result: str, opened: str | None) -> Step | None:
    if call == "openat":
        writing = "O_WRONLY" in arguments or "O_RDWR" in arguments
        return Create(_plain(opened or ""), "O_TRUNC" in arguments) if writing else None
    if call in _NAMING:
        return _NAMING[call](*_names(arguments))
    handle = _HANDLE.match(arguments)
    assert handle is not None, f"{call}({arguments[:200]}) is not known to the recording"
    return _change(call, arguments, _plain(handle[2]), int(result))


def _change(call: str, arguments: str, path: str, result: int) -> Step:
    match call:
        case "write":
            return Write(path, _bytes(arguments)[:result], None)
        case "pwrite64":
            return Write(path, _bytes(arguments)[:result], int(arguments.rpartition(", ")[2]))
        case "ftruncate":
            return Truncate(path, int(arguments.rpartition(", ")[2]))
        case "fsync" | "fdatasync":
            return Sync(path)
        case _:
            raise AssertionError(f"{call}({arguments[:200]}) is not known to the recording")


def _names(arguments: str) -> list[str]:
    return [_plain(one) for one in _TEXT.findall(arguments)]


def _bytes(arguments: str) -> bytes:
    found = _TEXT.search(arguments)
    assert found is not None, arguments[:200]
    return bytes.fromhex(found[1].replace("\\x", ""))


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if text.startswith("\\x") else text
