"""What the system counts and measures of itself, for Prometheus: one table, and the ways in which it is kept and told."""
