"""Verdicts of people on samples, and the progress of a review."""
