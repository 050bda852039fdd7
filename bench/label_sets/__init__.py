"""Rankings of samples with several labels, by a running service."""
