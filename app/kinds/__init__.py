"""Display of samples in the API and the pages: one plug-in for each kind of data, behind one protocol.

Callers get a plug-in from `shown_kinds`; pages and scripts get the fields of `Appearance`.
"""
