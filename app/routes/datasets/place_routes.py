"""Routes of places: how buckets and the hub are read, and comparing a dataset with the place of its files."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from app.datasets import dataset_service
from app.http.slow_work import run_elsewhere
from app.places import bucket_accesses, hub_tokens, place_opening
from app.places.originals import open_originals
from app.places.place_comparison import compare_place
from app.routes.shared.dependencies import CallerDatabase, Files, Reads, ServiceSettings, Session, Writes
from app.routes.shared.rendering import render_dataset
from app.schemas.datasets.place_schemas import (
    BucketOut,
    BucketRequest,
    DifferencesOut,
    HubTokenOut,
    HubTokenRequest,
)
from app.tables import Dataset
from app.versions import place_syncing

router = APIRouter(prefix="/v1", tags=["places"])
BucketName = Annotated[str, Path(pattern=rf"^{place_opening.BUCKET.pattern}$", examples=["photographs"])]


@router.put("/buckets/{bucket}", dependencies=[Writes])
def put_bucket(
    bucket: BucketName, body: BucketRequest, session: Session, settings: ServiceSettings
) -> BucketOut:
    """Store how this workspace reads a bucket in place; it replaces what was stored."""
    place_opening.require_endpoint(body.endpoint, settings)
    found = bucket_accesses.put_access(
        session,
        bucket,
        endpoint=body.endpoint,
        region=body.region,
        key_id=body.key_id,
        secret=None if body.secret is None else body.secret.get_secret_value(),
    )
    return BucketOut.model_validate(found)


@router.get("/buckets", dependencies=[Reads])
def list_buckets(session: Session) -> list[BucketOut]:
    """List the buckets that this workspace has keys for, without the secrets."""
    return [BucketOut.model_validate(each) for each in bucket_accesses.list_accesses(session)]


@router.delete("/buckets/{bucket}", status_code=204, dependencies=[Writes])
def delete_bucket(bucket: BucketName, session: Session) -> None:
    """Delete how a bucket is read. Datasets in it keep what was read, but not their originals."""
    bucket_accesses.remove_access(session, bucket)


@router.put("/hub-token", dependencies=[Writes])
def put_hub_token(body: HubTokenRequest, session: Session) -> HubTokenOut:
    """Store the token with which this workspace reads datasets of the hub; it replaces the one before."""
    return HubTokenOut(created_at=hub_tokens.put_token(session, body.token.get_secret_value()).created_at)


@router.get("/hub-token", dependencies=[Reads])
def get_hub_token(session: Session) -> HubTokenOut:
    """Say whether this workspace has a token for the hub, without showing it."""
    return HubTokenOut(created_at=hub_tokens.find_time(session))


@router.delete("/hub-token", status_code=204, dependencies=[Writes])
def delete_hub_token(session: Session) -> None:
    """Delete the token for the hub; what everybody may read can still be read."""
    hub_tokens.remove_token(session)


@router.post("/datasets/{dataset_id}/sync", dependencies=[Writes])
async def synchronise_dataset(
    dataset_id: UUID,
    database: CallerDatabase,
    files: Files,
    settings: ServiceSettings,
    response: Response,
    *,
    compare_only: Annotated[bool, Query(description="true: say what differs, and read nothing")] = False,
) -> DifferencesOut:
    """Compare a dataset with the place of its files; if it differs, read a new version from there."""

    def synchronise() -> DifferencesOut:
        with database.transaction() as session:
            asked = dataset_service.get(session, dataset_id)
            dataset = place_syncing.find_newest_read(session, asked)
            originals = open_originals(session, files, dataset, settings)
        assert originals is not None
        differences = compare_place(originals)  # may take long: no transaction is open
        with database.transaction() as session:
            locked = dataset_service.get(session, dataset.id, lock=True)
            version: Dataset | None = None
            if compare_only:
                locked.place_check = differences.describe()
            else:
                version = place_syncing.synchronise(session, locked, differences)
            return DifferencesOut(
                dataset_id=locked.id,
                **(locked.place_check or {}),
                version=None if version is None else render_dataset(version, []),
            )

    answer = await run_elsewhere(database.workspace_id, synchronise)
    if answer.version is not None:
        response.headers["Location"] = f"/v1/datasets/{answer.version.id}"
    return answer
