"""Encoders of timm: any of its networks by name, with weights in a local file or from its hub."""

from pathlib import Path
from typing import Any

from torch import nn

from models.catalogue.encoders import CONVOLUTION_STEP, DownloadFailed, PictureEncoderFacts, UnusableEncoder
from models.encoders.optional_packages import import_package

HUB_FILE = "model.safetensors"
UNSTATED = "not stated"
COLOURS = 3


def describe_timm(name: str) -> PictureEncoderFacts:
    """Return the facts of a network of timm by its name, such as `vit_small_patch14_dinov2.lvd142m`.

    Raises:
        UnusableEncoder: timm is missing, does not know it, or prepares its pictures as we cannot.

    """
    network = _create(name)
    data = _import("timm.data").resolve_model_data_config(network)
    _check_preparation(name, data)
    published = network.pretrained_cfg
    return PictureEncoderFacts(
        name=name,
        library="timm",
        model=name,
        width=network.num_features,
        side=data["input_size"][1],
        step=_find_step(name, is_fixed=published["fixed_input_size"], network=network),
        crop=data["crop_pct"],
        fit="squash" if data["crop_mode"] == "squash" else "crop",
        interpolation=data["interpolation"],
        mean=tuple(data["mean"]),
        deviation=tuple(data["std"]),
        licence=published.get("license") or UNSTATED,
        source=f"timm, {published.get('hf_hub_id') or published.get('url') or UNSTATED}",
    )


def build_timm(facts: PictureEncoderFacts, state: dict[str, Any]) -> nn.Module:
    """Return a network without its classifier, with weights in timm's own names.

    Raises:
        ValueError: the tensors are not those of this network.

    """
    usual = _create(facts.model)
    network: nn.Module = usual if _get_side(usual) == facts.side else _create_resizable(facts.model) or usual
    heads = usual.pretrained_cfg.get("classifier") or ()
    prefixes = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    own = network.state_dict()
    body = {key: value for key, value in state.items() if key in own or not key.startswith(prefixes)}
    try:
        network.load_state_dict(body)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return network


def download_timm(name: str) -> Path:
    """Download a network's weights from timm's hub to the hub's cache.

    Raises:
        UnusableEncoder: timm is missing or does not know it, or it has no weights there.
        DownloadFailed: the hub cannot be reached, or does not give the file.

    """
    published = _create(name).pretrained_cfg
    repository = published.get("hf_hub_id")
    if not repository:
        raise UnusableEncoder(f"timm names no repository with weights of {name}.")
    hub = _import("huggingface_hub")
    file = published.get("hf_hub_filename") or HUB_FILE
    try:
        return Path(hub.hf_hub_download(repository, file))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DownloadFailed(f"{file} of {repository} could not be downloaded: {reason}.") from error


def _import(package: str) -> Any:  # noqa: ANN401 - a module
    return import_package(package, extra="timm")


def _create(name: str, **options: object) -> Any:  # noqa: ANN401 - a network with timm's attributes
    timm = _import("timm")
    if not timm.is_model(name):
        raise UnusableEncoder(
            f"timm {timm.__version__} has no network {name!r}: give its name there to --name or the file."
        )
    return timm.create_model(name, pretrained=False, num_classes=0, **options)


def _create_resizable(name: str) -> Any | None:  # noqa: ANN401 - a network with timm's attributes
    """Return a vision transformer that adapts its positions to the picture's side; None: it cannot."""
    try:
        return _create(name, dynamic_img_size=True)
    except TypeError:
        return None


def _get_side(network: Any) -> int:  # noqa: ANN401 - a network with timm's attributes
    side: int = network.pretrained_cfg["input_size"][1]
    return side


def _find_step(name: str, *, is_fixed: bool, network: Any) -> int | None:  # noqa: ANN401 - as above
    if not is_fixed:
        return CONVOLUTION_STEP
    patches = getattr(network, "patch_embed", None)
    if patches is None or _create_resizable(name) is None:
        return None
    step: int = patches.patch_size[0]
    return step


def _check_preparation(name: str, data: dict[str, Any]) -> None:
    """Refuse the few networks whose pictures are padded, are not square, or have other channels than RGB."""
    channels, height, width = data["input_size"]
    is_supported = data["crop_mode"] in {"center", "squash"} and data["crop_pct"] <= 1
    if not is_supported or channels != COLOURS or height != width:
        raise UnusableEncoder(
            f"{name} is not supported: expected square RGB pictures, cut from the centre or squashed; found"
            f" {channels} x {height} x {width}, {data['crop_mode']}, crop {data['crop_pct']}."
        )
