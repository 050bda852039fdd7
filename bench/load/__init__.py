"""Many clients at the same time against the complete service on this machine; see __main__."""
