"""The networks by name: the input of each, and its pretrained weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.catalogue.kinds import NetworkInput

SMALLEST_SIDE = 16
"""The smallest side, in pixels, that an image network takes."""
VIT_SIDE = 224


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A torchvision network with pretrained weights, for feature extraction or fine-tuning."""

    head: str
    """The submodule that is removed."""
    width: int
    """D, the number of features before the head."""
    sides: tuple[int, ...] = ()
    """Side lengths in pixels that it takes; empty: any."""


BACKBONES: Mapping[str, Backbone] = {
    "resnet18": Backbone(head="fc", width=512),
    "resnet50": Backbone(head="fc", width=2_048),
    "mobilenet_v3_small": Backbone(head="classifier", width=576),
    "efficientnet_b0": Backbone(head="classifier", width=1_280),
    "convnext_tiny": Backbone(head="classifier.2", width=768),
    "vit_b_16": Backbone(head="heads", width=768, sides=(VIT_SIDE,)),
}
"""The backbones by torchvision's name."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """An architecture of classifier and gradient predictor."""

    takes: NetworkInput
    """Its input; it takes samples of every kind with this `network_input`."""
    sides: tuple[int, ...] = ()
    """Side lengths in pixels that it takes; empty: any of at least `SMALLEST_SIDE`."""
    backbone: str | None = None
    """The torchvision network that is fine-tuned; None: training starts from random weights."""


NETWORKS: Mapping[str, Network] = {
    "mlp": Network(takes="vector"),
    "mnist_cnn": Network(takes="image", sides=(28, 32)),
    "small_cnn": Network(takes="image"),
    "photo_cnn": Network(takes="image"),
    "resnet34_cifar": Network(takes="image"),
    "resnet50": Network(takes="image"),
    **{
        f"pretrained_{name}": Network(takes="image", sides=backbone.sides, backbone=name)
        for name, backbone in BACKBONES.items()
    },
}
"""The networks by their name in a configuration; `models.networks.architectures` builds them."""
