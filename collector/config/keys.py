"""Where an account's key is kept, and reading it at the moment it is needed.

The configuration names a place, never the key: an environment variable, a file, or an entry of the system's keyring.
What is found there is checked before it can reach a header, because a key with a line break in it is a header of
somebody else's choice, and a placeholder left over from a template is a refused poll. No message shows what was found.

Public: ``KeySource``, ``fault_of``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector.config.keyrings import KeyringEntry
from collector.config.private_files import read_private, without_line_end
from collector.domain.secret import Secret
from collector.errors import ConfigError

_LONGEST_KEY = 8192

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_PLACEHOLDERS = re.compile(
    r"""
      \$\{.*\} | \$\(.*\) | \$[A-Za-z_]\w* | \{\{.*\}\} | %\w+% | <.*>   # what a template would have replaced
    | .*your([-_][\w-]*)?(api)?(key|token).*                            # your_api_key, nel_your_api_key_here
    | (insert|add|put|paste|enter)[-_].*key.*
    | .*(change[-_]?me|replace[-_]?me).*
    | (nel_)?(x{3,}|\*+|\.{2,}|…)
    | todo | tbd | none | null | placeholder | api[-_]?key
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)

_FAULTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda key: not key or key.isspace(), "is empty"),
    (lambda key: _PLACEHOLDERS.fullmatch(key.strip()), "is a placeholder; put the key from your provider there"),
    (lambda key: not key.isascii(), "has characters outside ASCII; copy it again from your provider, as plain text"),
    (_CONTROL.search, "has a line break or another control character in it; keep the key alone, on one line"),
    (lambda key: " " in key, "has a space in it; keep the key alone"),
    (lambda key: key[0] in "\"'" or key[-1] in "\"'", "is wrapped in quotes; keep the key alone"),
)


@dataclass(frozen=True, slots=True)
class KeySource:
    """The place of a key: exactly one of a variable's name, a file's absolute path and an entry of the keyring."""

    env: str | None = None
    file: Path | None = None
    entry: KeyringEntry | None = None

    def __str__(self) -> str:
        if self.entry is not None:
            return str(self.entry)
        return f"environment variable {self._shown_name}" if self.file is None else f"file {self.file}"

    @property
    def _shown_name(self) -> str:
        """The variable's name, unless it might be a key that was written in the wrong place."""
        return self.env if self.env is not None and self.env.isupper() else "that api_key.env names"

    def read(self, environ: Mapping[str, str]) -> Secret:
        """Return the key that is kept there now.

        Raises:
            ConfigError: There is none, it is empty or a placeholder, it cannot be sent in a header, other users
                can read its file, or the keyring cannot be asked.
        """
        key = self._found(environ)
        fault = fault_of(key)
        if fault:
            raise ConfigError(f"the key in {self} {fault}")
        return Secret(key)

    def _found(self, environ: Mapping[str, str]) -> str:
        if self.entry is not None:
            return without_line_end(self.entry.password())
        return self._from_environment(environ) if self.file is None else _from_file(self.file)

    def _from_environment(self, environ: Mapping[str, str]) -> str:
        key = environ.get(self.env or "")
        if key is None:
            raise ConfigError(
                f"the environment variable {self._shown_name} is not set; export it, or name another place with "
                "api_key = { env = … }, { file = … } or { keyring = … }"
            )
        return key


def fault_of(key: str) -> str | None:
    """Return what keeps ``key`` from being a key, as the end of a sentence that does not show it; None if nothing."""
    return next((fault for is_so, fault in _FAULTS if is_so(key)), None)


def _from_file(path: Path) -> str:
    file = read_private(path, _LONGEST_KEY)
    file.refuse_others()
    # Latin-1 gives every byte a character, so that a wrong encoding is found by the check for ASCII.
    return without_line_end(file.content.decode("latin-1"))
