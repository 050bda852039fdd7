"""What people's verdicts say about an audit: random checks, and whether going on with a review is worth it.

Belongs here: which samples to check, the count of wrong labels and its words, recalibrated probabilities,
the cut, advice, shares of wrong labels in groups of samples.
Numpy, and scipy where it is needed, so that `app` may import it: no torch, no database, no files.
Begin with `settled_figures.settle`.
"""
