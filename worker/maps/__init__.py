"""The job of a map: which samples, from what, and the process that computes it."""
