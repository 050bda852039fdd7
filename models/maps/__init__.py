"""Samples as points in two dimensions, for people to look at; nothing is decided by them."""
