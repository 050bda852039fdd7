"""The training loop and what it records about every sample."""
