"""A key that must not be found again, and the search for it in all its forms."""

from __future__ import annotations

import base64
from pathlib import Path

from collector.domain.secret import Secret
from tests import canary

RAW = canary.NELLIE_KEY
KEY = Secret(RAW)
BASE64 = base64.b64encode(RAW.encode()).decode()


def leaks(found: str | bytes) -> set[str]:
    """Return the forms of the key, and its slices of eight characters, that are in ``found``."""
    return canary.leaks(found, RAW)


def leaks_in_files(folder: Path) -> set[str]:
    """Return what ``leaks`` finds in any file below ``folder``."""
    return {form for forms in canary.leaks_in_files(folder, RAW).values() for form in forms}
