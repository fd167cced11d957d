"""Proves the ledger on the database at hand: chains, what was derived from the facts, and the invariants."""
