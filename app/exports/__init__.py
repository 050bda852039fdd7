"""Exports: the registry that lists them, and a module for each that writes it."""
