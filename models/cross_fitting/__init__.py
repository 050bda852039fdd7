"""Cross-fitting: folds of labels to which a network is blind, and the evidence and memorisation they show."""
