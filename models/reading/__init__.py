"""How texts that people write are read: tables, encodings, column names, labels. Only the standard library.

The API, its client and the readers of uploads use it, so that a label or a key means the same everywhere.
"""
