"""Many clients at once against the whole service on this machine; see __main__."""
