"""Documents: builders that ask the ledger and put a report into words, figures, tables and charts."""
