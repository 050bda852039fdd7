"""Compares one training on several devices with the same training on one; see __main__."""
