"""EfficientNet-Lite0: EfficientNet (Tan and Le, 2019) without squeeze-and-excitation, with ReLU6.

The sizes are those that Google published. Pictures are padded as TensorFlow's "SAME" does for even sizes, so
sides are multiples of 32.
"""

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BLOCKS = (
    # expansion, kernel, stride, input channels, output channels
    (1, 3, 1, 32, 16),
    *((6, 3, 2, 16, 24), (6, 3, 1, 24, 24)),
    *((6, 5, 2, 24, 40), (6, 5, 1, 40, 40)),
    *((6, 3, 2, 40, 80), (6, 3, 1, 80, 80), (6, 3, 1, 80, 80)),
    *((6, 5, 1, 80, 112), (6, 5, 1, 112, 112), (6, 5, 1, 112, 112)),
    *((6, 5, 2, 112, 192), (6, 5, 1, 192, 192), (6, 5, 1, 192, 192), (6, 5, 1, 192, 192)),
    (6, 3, 1, 192, 320),
)
STEM, WIDTH = 32, 1_280
NORMALISATION_EPSILON = 1e-3
"""Of batch normalisation, as in the published training."""
LAST_LAYER = "_fc."
"""The classifier of ImageNet's classes in the weights' file, which is left out."""


class Block(nn.Module):
    """Expands the channels, filters each of them, and projects them to fewer."""

    def __init__(self, expansion: int, kernel: int, stride: int, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = inputs * expansion
        expand = [*_make_convolution(inputs, inner), nn.ReLU6(inplace=True)] if expansion > 1 else []
        filtering = _make_convolution(inner, inner, kernel=kernel, stride=stride, groups=inner)
        projection = _make_convolution(inner, outputs)
        self.layers = nn.Sequential(*expand, *filtering, nn.ReLU6(inplace=True), *projection)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, maps_BCHW: Tensor) -> Tensor:
        """Return the block's maps; with equal shapes the input is added."""
        changed_BCHW: Tensor = self.layers(maps_BCHW)
        return maps_BCHW + changed_BCHW if self.is_residual else changed_BCHW


def build_lite0() -> nn.Sequential:
    """Return the network without its last layer, with random weights: [B, 3, S, S] to [B, 1280, 1, 1]."""
    return nn.Sequential(
        *_make_convolution(3, STEM, kernel=3, stride=2),
        nn.ReLU6(inplace=True),
        *(Block(*sizes) for sizes in BLOCKS),
        *_make_convolution(BLOCKS[-1][-1], WIDTH),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(1),
    )


def load_lite0(state: dict[str, Tensor]) -> nn.Sequential:
    """Return the network with the weights of the published file: the same layers in this order, other names.

    Its normalisations are folded into the convolutions, which computes the same and faster
    (docs/photographs.md).

    Raises:
        ValueError: the tensors are not those of this network.

    """
    network = build_lite0()
    own = network.state_dict()
    given = {name: value for name, value in state.items() if not name.startswith(LAST_LAYER)}
    kinds = [[name.rpartition(".")[2] for name in names] for names in (own, given)]
    if kinds[0] != kinds[1]:
        raise ValueError(f"Expected {len(own)} tensors of EfficientNet-Lite0, found {len(given)} others.")
    try:
        network.load_state_dict(dict(zip(own, given.values(), strict=True)))
    except RuntimeError as error:
        raise ValueError(f"These are not the tensors of EfficientNet-Lite0: {error}") from error
    network.eval()
    for layer in network:
        if isinstance(layer, Block):
            layer.layers = _fold_normalisations(layer.layers)
    return _fold_normalisations(network)


def _fold_normalisations(layers: nn.Sequential) -> nn.Sequential:
    """Return the layers with every normalisation folded into the convolution before it."""
    folded: list[nn.Module] = []
    for layer in layers:
        before = folded[-1] if folded else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            folded[-1] = fuse_conv_bn_eval(before, layer)
        else:
            folded.append(layer)
    return nn.Sequential(*folded)


def _make_convolution(
    inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution and its normalisation, after a padding of its own if it cannot be symmetric."""
    total = kernel - stride
    before, after = total // 2, total - total // 2
    padding = [nn.ZeroPad2d((before, after, before, after))] if before != after else []
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride, 0 if padding else before, groups=groups, bias=False
    )
    return [*padding, convolution, nn.BatchNorm2d(outputs, eps=NORMALISATION_EPSILON)]
