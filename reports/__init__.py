"""Reports: pure pandas functions over the ledger's boundary look-ups, and their rendering."""
