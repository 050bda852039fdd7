"""The names and facts of methods, networks, data kinds, options and columns, without torch.

app, worker and models may all import it.
"""
