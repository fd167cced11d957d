"""Holds a key so that it cannot leak by accident.

``str``, ``repr``, formatting, pickling and JSON show a fingerprint or refuse. Only ``reveal`` gives the
key, and only three callers may ask: ``collector.http``, which sends it, ``collector.polling.redaction``, which looks
for it in what came back, and ``collector.notifications``, for which it is an address to send to.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NoReturn
from urllib.parse import quote, quote_plus

_MASK = "[key removed]"


class Secret:
    """One key.

    Args:
        value: The key itself.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def fingerprint(self) -> str:
        """Return the last four hexadecimal digits of the key's SHA-256: enough to tell two keys apart."""
        return hashlib.sha256(self._encoded()).hexdigest()[-4:]

    def redact(self, text: str) -> str:
        """Return ``text`` with the key removed, also in its base64 and URL forms."""
        encoded = self._encoded()
        plain, url_safe = base64.b64encode(encoded).decode(), base64.urlsafe_b64encode(encoded).decode()
        forms = (self._value, quote(encoded, safe=""), quote_plus(encoded))
        for form in (*forms, plain, plain.rstrip("="), url_safe, url_safe.rstrip("=")):
            text = text.replace(form, _MASK) if form else text
        return text

    def _encoded(self) -> bytes:
        # A key from the environment may hold undecodable bytes as surrogates; showing the fingerprint must not fail,
        # least of all with an error that carries the key.
        return self._value.encode("utf-8", "surrogatepass")

    def __repr__(self) -> str:
        return f"Secret(…{self.fingerprint()})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a key is never pickled or copied")
