"""Long-term trend: usage by day, week and month, what is usual, what changed, what stands out, and why."""
