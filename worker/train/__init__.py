"""Training: claim a run, train it under a heartbeat, store its results."""
