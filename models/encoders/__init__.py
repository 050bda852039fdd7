"""Encoders: pretrained networks that turn pictures or texts into features, whatever library runs them.

Their names and facts are in `models/catalogue/encoders.py`, which needs no torch. Decoding of files is the
caller's; no database, HTTP or environment.
"""
