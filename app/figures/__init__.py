"""Figures: their list, their data and their drawers. Nothing here reads a request."""
