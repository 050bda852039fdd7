"""One training on several devices against the same on one; see __main__."""
