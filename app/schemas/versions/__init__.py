"""Answers and requests about versions of datasets, and comparisons."""
