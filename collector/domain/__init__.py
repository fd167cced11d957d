"""The arithmetic of counters, days and requests; standard library only, nothing read from outside."""
