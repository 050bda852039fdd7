"""The training loop, and the signals it records about every sample."""
