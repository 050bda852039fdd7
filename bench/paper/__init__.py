"""Reproduces the paper's tables and figures: `python -m bench.paper --help`."""
