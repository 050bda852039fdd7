"""A dataset that is large for one machine, through the whole service."""
