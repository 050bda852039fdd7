"""What the defaults of a training depend on, of a dataset and of the device that trains."""

from pathlib import Path

from app.tables import Dataset
from models.catalogue.kinds import TEXTS
from models.configuration.defaults import Situation
from models.configuration.device_traits import DeviceTraits


def describe_situation(dataset: Dataset, device: DeviceTraits, encoders_dir: Path | None) -> Situation:
    """Return the facts of a dataset and a device on which the defaults of a training depend.

    Args:
        dataset: that is ready.
        device: that trains.
        encoders_dir: the folder of encoders that people added; None: only those of the catalogue exist.

    """
    return Situation(
        shape=tuple(dataset.shape or ()),
        sample_count=dataset.sample_count or 0,
        class_count=len(dataset.class_names or ()),
        is_text=dataset.kind == TEXTS.name,
        device=device,
        encoders_dir=encoders_dir,
    )
