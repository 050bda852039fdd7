"""Exports: the registry, and the modules that write them."""
