"""A disk that loses power: what was synced is there, of all else any part may be lost, torn or out of order.

The model is stricter than any journaling file system. A write that was not followed by a sync of its file survives in
pieces of 512 or 4096 bytes, each by chance; so does a change of length. A name that was made, removed or changed is
durable only after a sync of its folder; of the changes since then a part, from the first on, survives.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

from tests.faults.crash.recording import Create, Rename, Step, Sync, Truncate, Unlink, Write


@dataclass
class _File:
    """One file whatever its name: what is durable, and what came since."""

    durable: bytearray = field(default_factory=bytearray)
    since: list[Write | Truncate] = field(default_factory=list)

    def written(self, chance: random.Random, mode: str) -> bytes:
        """Return what is found of it after the power was lost."""
        found = bytearray(self.durable)
        for number, one in enumerate(self.since):
            last = number == len(self.since) - 1
            if isinstance(one, Truncate):
                if mode == "all" or (mode != "none" and chance.random() < 0.7):
                    _set_length(found, one.length)
                continue
            for at, piece in _pieces(one, chance):
                if _survives(mode, chance, last=last):
                    _put(found, piece, at)
        return bytes(found)


def _survives(mode: str, chance: random.Random, *, last: bool) -> bool:
    match mode:
        case "all":
            return True
        case "none":
            return False
        case "torn":
            return not last or chance.random() < 0.5
        case "late":  # the newest writes arrived, older ones did not
            return last or chance.random() < 0.3
        case _:
            return chance.random() < 0.5


def _pieces(one: Write, chance: random.Random) -> list[tuple[int, bytes]]:
    size, at = chance.choice((512, 4096)), one.at or 0
    cuts = sorted({at, at + len(one.data), *range(-(-at // size) * size, at + len(one.data), size)})
    return [(low, one.data[low - at : high - at]) for low, high in pairwise(cuts)]


def _put(content: bytearray, data: bytes, at: int) -> None:
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def _set_length(content: bytearray, length: int) -> None:
    if len(content) < length:
        content.extend(bytes(length - len(content)))
    del content[length:]


Names = dict[str, _File]
MODES = ("none", "all", "torn", "late", "half", "half")


class Disk:
    """The files of a folder, as a program sees them and as they lie on the disk.

    Args:
        content: What is there at first, and durable.
        folder: What the program calls it.
        lies: Names ending so are never really synced: a disk, or a setting, that promises too much.
    """

    def __init__(self, content: Path, folder: Path, lies: str | None = None) -> None:
        self._durable: Names = {
            str(folder / path.relative_to(content)): _File(bytearray(path.read_bytes()))
            for path in content.rglob("*")
            if path.is_file()
        }
        self._names: Names = dict(self._durable)
        self._since: list[Step] = []
        self._lies = lies
        self._root = str(folder)

    def do(self, step: Step) -> None:
        """Do what the program did."""
        match step:
            case Write(path, data, at):
                file = self._names[path]
                file.since.append(Write(path, data, self._length(file) if at is None else at))
            case Truncate(path):
                self._names[path].since.append(step)
            case Sync(path):
                self._sync(path)
            case Create(path, empty):
                if path not in self._names:
                    self._names[path] = _File()
                    self._since.append(step)
                elif empty:
                    self._names[path].since.append(Truncate(path, 0))
            case _:
                _rename(self._names, step)
                self._since.append(step)

    def _length(self, file: _File) -> int:
        return len(file.written(random.Random(0), "all"))

    def _sync(self, path: str) -> None:
        if path not in self._names:  # a folder: its names are durable
            kept = [one for one in self._since if str(PurePosixPath(one.path).parent) != path]
            for one in self._since:
                if one not in kept:
                    self._make_durable(self._durable, one)
            self._since = kept
            return
        if self._lies is not None and path.endswith(self._lies):
            return
        file = self._names[path]
        file.durable, file.since = bytearray(file.written(random.Random(0), "all")), []

    def _make_durable(self, names: Names, step: Step) -> None:
        if isinstance(step, Create):
            found = self._created(step)
            if found is not None:
                names[step.path] = found
        else:
            _rename(names, step)

    def _created(self, step: Create) -> _File | None:
        """Return the file that a creation made, whatever became of its name since."""
        path = step.path
        for one in self._since[self._since.index(step) + 1 :]:
            if isinstance(one, Rename) and one.path == path:
                path = one.to
            elif isinstance(one, Unlink) and one.path == path:
                return None
        return self._names.get(path)

    def lose_power(self, image: Path, chance: random.Random, mode: str) -> None:
        """Write what is found after a power cut into the folder ``image``."""
        names = dict(self._durable)
        kept = {"all": len(self._since), "none": 0}.get(mode, chance.randint(0, len(self._since)))
        for step in self._since[:kept]:
            self._make_durable(names, step)
        for path, file in names.items():
            target = image / PurePosixPath(path).relative_to(self._root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.written(chance, mode))
            target.chmod(0o600)


def _rename(names: Names, step: Step) -> None:
    if isinstance(step, Unlink):
        names.pop(step.path, None)
    elif isinstance(step, Rename) and step.path in names:
        names[step.to] = names.pop(step.path)
