"""The part of an audit's provenance about the features that its runs were trained on."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.features import feature_service
from app.tables import FeatureSet, FeatureShard, Json, Run

REUSED = ("known", "reused")
"""Samples whose features were not computed: unchanged files of a place, pictures encoded before."""


def describe_features(session: Session, runs: Sequence[Run]) -> list[Json]:
    """Return encoder, digests, versions and shards of every feature set that runs were trained on."""
    set_ids = sorted({run.feature_set_id for run in runs if run.feature_set_id is not None})
    return [_describe(session.get_one(FeatureSet, set_id), session) for set_id in set_ids]


def _describe(found: FeatureSet, session: Session) -> Json:
    shards = feature_service.list_shards(session, found.id)
    unreadable = [each for shard in shards for each in shard.unreadable]
    return {
        "id": str(found.id),
        "encoder": found.encoder,
        "encoder_sha256": found.encoder_sha256,
        "width": found.width,
        "originals": sum((shard.report or {})["originals"] for shard in shards),
        "reused": sum((shard.report or {}).get(name, 0) for shard in shards for name in REUSED),
        "unreadable": unreadable,
        "devices": sorted({shard.device for shard in shards if shard.device}),
        "versions": _merge_versions(shards),
        "shards": [
            {
                "start": shard.start,
                "stop": shard.stop,
                "sha256": shard.sha256,
                "attempts": shard.attempt,
                **{name: value for name, value in (shard.report or {}).items() if name.endswith("seconds")},
            }
            for shard in shards
        ],
    }


def _merge_versions(shards: Sequence[FeatureShard]) -> dict[str, list[str]]:
    """Return the versions of every library, several if workers differed."""
    found: dict[str, set[str]] = {}
    for shard in shards:
        versions: dict[str, Any] = (shard.report or {}).get("versions", {})
        for library, version in versions.items():
            found.setdefault(library, set()).add(version)
    return {library: sorted(versions) for library, versions in found.items()}
