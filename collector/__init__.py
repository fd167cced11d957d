"""Usage history collector: keeps every answer of a metered API and derives a ledger from it.

This package imports nothing on purpose: a poll must never pay for what only a report needs.
"""
