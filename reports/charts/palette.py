"""The colours of charts, by their place among the charts; pages take them from ``reports.palette`` as well."""

from __future__ import annotations

from reports.palette import DARK, LIGHT, Palette

__all__ = ["DARK", "LIGHT", "Palette"]
