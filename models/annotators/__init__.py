"""Labels of several annotators for each sample: agreement, consensus, and how good each annotator is.

Belongs here: Dawid and Skene's model with a classifier's out-of-sample probabilities as each sample's prior.
Numpy and scipy only: no torch, no files. Begin with `consensus.find_consensus`.
"""
