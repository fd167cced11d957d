"""A key that must not be found again, and the search for it in all its forms."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote, quote_plus

from collector.domain.secret import Secret

RAW = "nel_Canary-0123456789+/sEcret"
KEY = Secret(RAW)
BASE64 = base64.b64encode(RAW.encode()).decode()
FORMS = {
    quote(RAW, safe=""),
    quote_plus(RAW),
    BASE64.rstrip("="),
    base64.urlsafe_b64encode(RAW.encode()).decode().rstrip("="),
    *(RAW[start : start + 8] for start in range(len(RAW) - 7)),
}


def leaks(found: str | bytes) -> set[str]:
    """Return the forms of the key, and its slices of eight characters, that are in ``found``."""
    data = found.encode() if isinstance(found, str) else found
    return {form for form in FORMS if form.encode() in data}


def leaks_in_files(folder: Path) -> set[str]:
    """Return what ``leaks`` finds in any file below ``folder``."""
    return {form for path in folder.rglob("*") if path.is_file() for form in leaks(path.read_bytes())}
