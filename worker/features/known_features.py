"""Features of files that an earlier version of a dataset read in the same place: they are not encoded again.

Shape suffixes: N samples of a shard, D features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Select, select

from app.features import feature_files, feature_service
from app.infra.database import Database
from app.infra.storage import Storage
from app.places.file_lists import locate_row
from app.places.originals import read_listing
from app.tables import Dataset, FeatureSet, FeatureStatus
from app.versions.place_syncing import find_source
from models.encoders.encoder_loading import AnyEncoder
from worker.features import original_pictures
from worker.features.encoded_before import NO_DIGEST, NO_EARLIER, EarlierFeatures
from worker.features.shard_computation import Computed, compute_features
from worker.features.shard_samples import ShardSamples, Unreadable
from worker.formats.packs.samples_table import BOX_COLUMNS

Identity = tuple[object, ...]
"""The digest of a file, and the box in it."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Features that were computed before, by row of a shard."""

    rows: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]

    def count(self) -> int:
        """Return how many they are."""
        return len(self.rows)


NOTHING = Known(rows=np.empty(0, np.int64), features=np.empty((0, 0), np.float32))


def find_known_features(
    database: Database, storage: Storage, wanted: FeatureSet, originals: ShardSamples
) -> Known:
    """Return the features of those samples whose files the version before had too, by the same encoder."""
    with database.transaction() as session:
        dataset = session.get_one(Dataset, wanted.dataset_id)
        source = find_source(session, dataset)
        found = None if source is None else session.scalars(_select_ready(wanted, source)).first()
        if source is None or found is None or _get_brightest(source) != _get_brightest(dataset):
            return NOTHING
        shards = feature_service.list_shards(session, found.id)
        theirs = original_pictures.select_samples(session, source.id, 0, source.sample_count or 0)
        unreadable = {each["position"] for shard in shards for each in shard.unreadable}
    place_of = {
        identity: place
        for place, identity in enumerate(_identify(theirs, read_listing(storage, source)))
        if identity is not None and place not in unreadable
    }
    ours = _identify(originals.samples, read_listing(storage, dataset))
    pairs = [(row, place_of[identity]) for row, identity in enumerate(ours) if identity in place_of]
    if not pairs:
        return NOTHING
    try:
        rows = feature_files.open_rows(storage, found, shards)
    except FileNotFoundError:
        return NOTHING
    places = [place for _, place in pairs]
    return Known(
        rows=np.array([row for row, _ in pairs], np.int64), features=np.asarray(rows[places], np.float32)
    )


def _select_ready(wanted: FeatureSet, source: Dataset) -> Select[FeatureSet]:
    return select(FeatureSet).where(
        FeatureSet.dataset_id == source.id,
        FeatureSet.encoder_sha256 == wanted.encoder_sha256,
        FeatureSet.encoder == wanted.encoder,
        FeatureSet.status == FeatureStatus.READY,
    )


def _get_brightest(dataset: Dataset) -> object:
    return (dataset.statistics or {}).get("brightest")


def _identify(samples: pa.Table, listing: pa.Table) -> list[Identity | None]:
    """Return what a sample's features depend on; None where that is not known."""
    digests = listing["sha256"].to_pylist()
    offsets = samples["source_offset"].to_pylist()
    boxes = zip(*(samples[name].to_pylist() for name in BOX_COLUMNS), strict=True)
    files = [None if offset is None else digests[locate_row(offset)] for offset in offsets]
    return [None if file is None else (file, *box) for file, box in zip(files, boxes, strict=True)]


def compute_unknown(
    originals: ShardSamples,
    encoder: AnyEncoder,
    known: Known,
    earlier: EarlierFeatures = NO_EARLIER,
    *,
    on_batch: Callable[[int], None],
) -> Computed:
    """Return the features of all samples of a shard; only those that are not known are computed.

    Files that are known are not read, so they have no digest; of the others `earlier` may have the features.
    """
    if not known.count():
        return compute_features(originals, encoder, earlier, on_batch=on_batch)
    features_ND = np.empty((len(originals), encoder.width), dtype=np.float32)
    features_ND[known.rows] = known.features
    is_wanted = np.ones(len(originals), np.bool_)
    is_wanted[known.rows] = False
    unreadable: list[Unreadable] = []
    digests = [NO_DIGEST] * len(originals)
    decoding = encoding = 0.0
    reused = 0
    borders = np.flatnonzero(np.diff(is_wanted, prepend=False, append=False)).reshape(-1, 2).tolist()
    for first, last in borders:
        computed = compute_features(originals.take(first, last), encoder, earlier)
        features_ND[first:last] = computed.features_ND
        digests[first:last] = computed.digests_N
        reused += computed.reused
        unreadable += computed.unreadable
        decoding += computed.decode_seconds
        encoding += computed.encode_seconds
        on_batch(last)
    return Computed(
        features_ND=features_ND,
        digests_N=digests,
        reused=reused,
        unreadable=unreadable,
        decode_seconds=decoding,
        encode_seconds=encoding,
    )
