"""What a table's cells say of its labels beside LIMIT: boosted trees that are blind to each label, and why.

Cells in, class probabilities and reasons out; no torch. Uploads are encoded for networks while they are read.
"""
