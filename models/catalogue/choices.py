"""The named options of a training besides method and network, each with a description."""

from collections.abc import Mapping

AUGMENTATIONS: Mapping[str, str] = {
    "none": "unchanged images",
    "flip_crop": "horizontal flip and a random crop of 28/32 of the side, padded back with the mean colour",
    "resize_crop_flip": "a resize to 256/224 of the input size, a random crop to it, horizontal flip",
}
SCHEDULES: Mapping[str, str] = {
    "constant": "the same learning rate in every step",
    "one_cycle": "a linear rise, then a cosine fall to nearly 0",
}
SCORES: Mapping[str, str] = {
    "margin": "the given label against its best rival, averaged over epochs and the networks that learn it"
    " (the default)",
    "average": "LIMIT's distance, averaged over epochs",
    "last": "LIMIT's distance after the last epoch",
    "neighbours": "the share of the nearest neighbours that have another label",
}
DEFAULT_SCORE = "margin"
PRECISIONS: Mapping[str, str] = {"fp32": "float32", "bf16": "matrix products in bfloat16 (autocast)"}
