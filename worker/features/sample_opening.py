"""Opening of a shard's samples: the uploaded pictures, or the stored texts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import PACK, Storage
from app.places.originals import open_originals
from app.tables import Dataset, FeatureShard
from models.catalogue.kinds import TEXTS_FILE, Encoded
from models.encoders.encoder_loading import AnyEncoder
from models.encoders.picture_preparation import PictureEncoder
from worker.features.original_pictures import OriginalPictures, select_samples
from worker.features.original_texts import OriginalTexts, read_texts
from worker.features.shard_samples import ShardSamples
from worker.formats.shared.upload_limits import IngestLimits


@dataclass(frozen=True, kw_only=True)
class SampleFiles:
    """Where the samples of a shard are."""

    shard: FeatureShard
    dataset: Dataset
    upload_name: str
    """The name of the uploaded file."""


def open_samples(
    database: Database, storage: Storage, settings: Settings, files: SampleFiles, encoder: AnyEncoder
) -> ShardSamples:
    """Return the samples of a shard as the encoder takes them."""
    return _OPENERS[encoder.takes](database, storage, settings, files, encoder)


def _open_pictures(
    database: Database, storage: Storage, settings: Settings, files: SampleFiles, encoder: PictureEncoder
) -> ShardSamples:
    shard, dataset = files.shard, files.dataset
    with database.transaction() as session:
        samples = select_samples(session, dataset.id, shard.start, shard.stop)
        placed = open_originals(session, storage, dataset, settings)
    limits = IngestLimits(**settings.ingest_limits)
    return OriginalPictures(
        start=shard.start,
        samples=samples,
        side=encoder.side,
        read_upload=storage.make_reader(storage.locate_upload(dataset.id, files.upload_name)),
        pack=np.load(storage.fetch_pack_file(dataset, PACK), mmap_mode="r"),
        max_pixels=limits.max_pixels,
        max_bytes=limits.max_member_bytes,
        read_each=None if placed is None else placed.read_each,
        brightest=(dataset.statistics or {}).get("brightest"),
    )


def _open_texts(
    database: Database, storage: Storage, _: Settings, files: SampleFiles, __: object
) -> ShardSamples:
    shard, dataset = files.shard, files.dataset
    with database.transaction() as session:
        samples = select_samples(session, dataset.id, shard.start, shard.stop)
    path = storage.fetch_pack_file(dataset, TEXTS_FILE)
    return OriginalTexts(start=shard.start, samples=samples, texts=read_texts(path, shard.start, shard.stop))


_OPENERS: Mapping[Encoded, Callable[..., ShardSamples]] = {
    "pictures": _open_pictures,
    "texts": _open_texts,
}
