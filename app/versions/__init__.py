"""Versions of datasets: what is carried over, lineage, relatives by content, and comparisons; no route."""
