"""The paper's residual networks (He et al., 2016): ResNet-34 for CIFAR and ResNet-50."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


def _make_convolution(channels_in: int, channels_out: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
    )


class Residual(nn.Module):
    """relu(path(x) + shortcut(x)); the shortcut is a 1x1 convolution where the shape changes."""

    def __init__(self, path: nn.Sequential, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.path = path
        same_shape = stride == 1 and channels_in == channels_out
        self.shortcut = (
            nn.Identity() if same_shape else _make_convolution(channels_in, channels_out, 1, stride)
        )

    def forward(self, features_BCHW: Tensor) -> Tensor:
        """Return the block's output [B, C', H', W']."""
        return functional.relu(self.path(features_BCHW) + self.shortcut(features_BCHW))


def _build_basic_block(channels_in: int, channels: int, stride: int) -> Residual:
    path = nn.Sequential(
        _make_convolution(channels_in, channels, 3, stride),
        nn.ReLU(inplace=True),
        _make_convolution(channels, channels, 3, 1),
    )
    return Residual(path, channels_in, channels, stride)


def _build_bottleneck(channels_in: int, channels: int, stride: int) -> Residual:
    path = nn.Sequential(
        _make_convolution(channels_in, channels // 4, 1, 1),
        nn.ReLU(inplace=True),
        _make_convolution(channels // 4, channels // 4, 3, stride),
        nn.ReLU(inplace=True),
        _make_convolution(channels // 4, channels, 1, 1),
    )
    return Residual(path, channels_in, channels, stride)


def _build_resnet(
    stem: list[nn.Module],
    block: Callable[[int, int, int], Residual],
    widths: tuple[int, int, int, int],
    class_count: int,
) -> nn.Sequential:
    """Return stem, four stages of 3, 4, 6 and 3 blocks, global average and a linear layer."""
    blocks: list[nn.Module] = []
    channels = 64
    for stage, (width, depth) in enumerate(zip(widths, (3, 4, 6, 3), strict=True)):
        for position in range(depth):
            blocks.append(block(channels, width, 2 if stage > 0 and position == 0 else 1))
            channels = width
    network = nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, class_count)
    )
    _initialise(network)
    return network


def _initialise(network: nn.Module) -> None:
    """Draw the convolutions' weights by He et al. (2015), scaled by the fan-out."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def build_resnet34_cifar(channels: int, class_count: int) -> nn.Module:
    """Return ResNet-34 with the paper's two changes: a 3x3 stride-1 first convolution, and no max pooling."""
    stem = [_make_convolution(channels, 64, 3, 1), nn.ReLU(inplace=True)]
    return _build_resnet(stem, _build_basic_block, (64, 128, 256, 512), class_count)


def build_resnet50(channels: int, class_count: int) -> nn.Module:
    """Return ResNet-50 as published, for inputs of about 224x224."""
    stem = [_make_convolution(channels, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    return _build_resnet(stem, _build_bottleneck, (256, 512, 1024, 2048), class_count)
