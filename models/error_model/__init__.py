"""One model of label errors: from evidence to counts and probabilities.

Belongs here: what may be said about wrong labels, and how sure one may be of it; people's checks are in
`models.checks`. Numpy, scipy and scikit-learn only: no torch, no training, no files. Begin with
`estimate.fit`.
"""
