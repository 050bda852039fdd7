"""Samples with several labels: a view for each class, the ranking of samples over all, and decided sets."""
