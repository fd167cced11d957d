"""The optional packages: which extra brings them, and whether they are there. Looked for, never imported."""

from __future__ import annotations

from importlib.util import find_spec

CHARTS = "charts"
OF_FORMATS = {"parquet": "parquet", "pdf": "pdf", "png": CHARTS}
"""By format the extra that it needs; a format that is not here needs none."""
_PACKAGES = {CHARTS: ("altair", "vl_convert"), "parquet": ("pyarrow",), "pdf": ("weasyprint",)}


def missing_package(extra: str) -> str | None:
    """Return a package of ``extra`` that is not installed, or None."""
    return next((one for one in _PACKAGES[extra] if find_spec(one) is None), None)
