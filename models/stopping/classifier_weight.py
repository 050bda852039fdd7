"""The weight of the classifier's probabilities, by its agreement with the given labels."""

AGREEMENT_RATIO_LOW, AGREEMENT_RATIO_HIGH = 0.75, 0.83
"""The weight rises from 0 to 1 between these agreement ratios. The ratio is the classifier's agreement with
the given labels over all samples, divided by that over its most confident tenth. Chosen on the CIFAR-10,
MNIST and letter tasks of docs/detection.md."""


def weigh_classifier(agreement_ratio: float) -> float:
    """Return the weight in [0, 1] of a classifier with this agreement ratio; 1 = reliable on all samples."""
    share = (agreement_ratio - AGREEMENT_RATIO_LOW) / (AGREEMENT_RATIO_HIGH - AGREEMENT_RATIO_LOW)
    return min(1.0, max(0.0, share))
