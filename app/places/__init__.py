"""Places: server folders, buckets and lists of addresses whose files are read where they lie.

What belongs here: which places may be read, listing one, reading one file of it, and the list of files that a
dataset refers to. What does not: labels and pictures, which the readers of `worker/formats/` understand.
"""
