"""The named choices of a training besides method and network, each with what it does."""

from collections.abc import Mapping

AUGMENTATIONS: Mapping[str, str] = {
    "none": "the images as they are",
    "flip_crop": "horizontal flip and a random crop of 28/32 of the side, padded back with the mean colour",
    "resize_crop_flip": "resized to 256/224 of the input size, randomly cropped to it, horizontal flip",
}
SCHEDULES: Mapping[str, str] = {
    "constant": "the same learning rate all the time",
    "one_cycle": "a linear rise, then a cosine fall to nearly 0",
}
SCORES: Mapping[str, str] = {
    "margin": "the margin of the predictor, averaged over epochs (the default)",
    "average": "the distance of LIMIT, averaged over epochs",
    "last": "the distance after the last epoch",
    "neighbours": "the share of the nearest neighbours that have another label",
}
DEFAULT_SCORE = "margin"
PRECISIONS: Mapping[str, str] = {"fp32": "32 bits", "bf16": "bfloat16 products (autocast)"}
