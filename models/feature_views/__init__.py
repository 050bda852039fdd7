"""Class probabilities from frozen features, out of sample, and the ranking that combines them with LIMIT's.

Only for features that no given label entered, such as a pretrained encoder's.
"""
