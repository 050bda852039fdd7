"""How the API and the pages show samples of each kind of data: a plug-in each, behind one protocol.

Callers ask `shown_kinds` once and call methods; pages and scripts get the fields of `Appearance`.
"""
