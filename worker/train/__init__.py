"""Training: one run, claimed, trained under a heartbeat, stored."""
