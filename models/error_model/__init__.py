"""One model of label errors: from evidence and from people's checks to counts and probabilities.

Belongs here: what may be said about wrong labels, and how sure one may be of it. Numpy, scipy and
scikit-learn only: no torch, no training, no files. Begin with `estimate.fit` and `checks.count_errors`.
"""
