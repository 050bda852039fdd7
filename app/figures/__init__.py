"""Figures: which there are, their data, and the drawers. Nothing here reads a request."""
