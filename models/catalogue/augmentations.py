"""The augmentations by name, with what each does to a batch of images."""

from collections.abc import Mapping

AUGMENTATIONS: Mapping[str, str] = {
    "none": "the images as they are",
    "flip_crop": "horizontal flip and a random crop of 28/32 of the side, padded back with the mean colour",
    "resize_crop_flip": "resized to 256/224 of the input size, randomly cropped to it, horizontal flip",
}
