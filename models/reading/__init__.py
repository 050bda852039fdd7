"""How texts that people write are read: tables, encodings, column names, labels. Only the standard library.

The API, its client and the readers of uploads use it, so that a label means the same everywhere,
and a key nearly: the database compares those of correct labels, and there a blank end counts.
"""
