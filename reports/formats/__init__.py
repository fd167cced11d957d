"""Formats: writers that render any document, each inert against what its own format would run or obey."""
