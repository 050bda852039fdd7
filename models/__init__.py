"""Networks, LIMIT and its relatives, scoring, metrics and noise: torch and numpy, nothing of the service."""
