"""Everything that the environment decides, read once at process start."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, Json, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "LIMIT_AUDIT_"
MEBIBYTE = 2**20
GIBIBYTE = 2**30


class Settings(BaseSettings):
    """Settings of one process. Each is the environment variable ``LIMIT_AUDIT_<NAME>``.

    A secret may also be given as ``LIMIT_AUDIT_<NAME>_FILE``, the path of a file that holds it.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field(description="SQLAlchemy URL of PostgreSQL, driver psycopg")
    broker_url: str = Field(description="Celery URL of Redis")
    storage_dir: Path = Field(
        description="folder for uploads, packs and results; with a bucket, this host's workspace and cache"
    )
    storage_url: str | None = Field(
        default=None, description="s3://bucket/prefix, shared by all hosts; None: everything in storage_dir"
    )
    storage_endpoint: str | None = Field(default=None, description="URL of an S3 server other than AWS's")
    storage_region: str | None = None
    storage_key_id: str | None = Field(
        default=None, description="access key; None: AWS's variables, or the host's role"
    )
    storage_secret: str | None = Field(default=None, description="secret of the access key")
    storage_cache_bytes: int = Field(
        default=200 * GIBIBYTE, gt=0, description="packs that a host keeps of a bucket's"
    )

    authentication: Literal["keys", "none"] = Field(
        default="keys",
        description="'keys': every request carries a bearer key. 'none': only loopback clients are served",
    )
    request_lock_seconds: float = Field(
        default=30, gt=0, description="that a request waits for what another transaction holds"
    )
    request_statement_seconds: float = Field(
        default=300, gt=0, description="that a request's statement may take"
    )
    request_idle_seconds: float = Field(
        default=3600,
        gt=0,
        description="that a request's transaction may do nothing: long, an upload may be sent to a bucket",
    )
    login_hours: float = Field(default=12, gt=0, description="how long a browser stays logged in")
    outbound_private: bool = Field(
        default=False,
        description="webhooks and remote sources may be at private and loopback addresses",
    )
    requests_per_second: float = Field(default=50, gt=0, description="of one key, per API process, lasting")
    requests_burst: int = Field(default=500, gt=0, description="of one key, per API process, at once")
    requests_concurrent: int = Field(default=32, gt=0, description="of one key under way, per API process")
    log_format: Literal["json", "text"] = "json"

    upload_max_bytes: int = Field(default=200 * GIBIBYTE, gt=0)
    upload_reserve_bytes: int = Field(
        default=GIBIBYTE, ge=0, description="disk space that an upload must leave free"
    )
    upload_max_files: int = Field(default=256, gt=0, description="files of one dataset")
    upload_idle_seconds: float = Field(default=60, gt=0, description="longest silence inside a body")
    upload_expiry_seconds: float = Field(
        default=7 * 24 * 3600, gt=0, description="after which an upload that nobody goes on with is deleted"
    )
    upload_save_bytes: int = Field(
        default=32 * MEBIBYTE, gt=0, description="of a resumable upload, most that a crash may cost"
    )
    truth_max_bytes: int = Field(default=2 * GIBIBYTE, gt=0)
    body_max_bytes: int = Field(default=MEBIBYTE, gt=0, description="largest body other than a file")
    body_seconds: float = Field(default=30, gt=0, description="within which such a body must be whole")
    image_max_pixels: int = Field(
        default=64 * MEBIBYTE, gt=0, description="largest picture decoded on request"
    )

    idempotency_seconds: float = Field(
        default=24 * 3600, gt=0, description="for which the answer to an Idempotency-Key is kept, at least"
    )
    activity_days: float = Field(
        default=400, gt=0, description="for which is kept who did what: a year, and time to look at it"
    )
    delivery_days: float = Field(
        default=30, gt=0, description="for which webhooks' messages are kept that arrived or were given up"
    )
    tidy_seconds: float = Field(
        default=600, gt=0, description="between two looks for what has expired or was interrupted"
    )

    ingest_memory_bytes: int = Field(
        default=4 * GIBIBYTE, gt=0, description="of the process that reads one upload, its files not counted"
    )
    ingest_seconds: float = Field(default=12 * 3600, gt=0, description="that reading one upload may take")
    ingest_silent_seconds: float = Field(default=1800, gt=0, description="of them without any progress")
    ingest_limits: Json[dict[str, PositiveInt]] = Field(
        default_factory=dict,
        validate_default=False,
        description='of docs/formats.md, those that differ, as JSON: {"max_members": 1000}',
    )

    devices: str = Field(
        default="",
        description="torch devices that train each run of this worker together, as in cuda:0,cuda:1; empty:"
        " the first GPU it sees, else the processors",
    )
    gpus_per_run: int = Field(
        default=1, gt=0, description="of a host that worker.processes.fleet gives to each of its workers"
    )
    train_queues: str = Field(
        default="",
        description="that this training worker takes from, as in train.gpu,train; empty: those that its"
        " devices can serve",
    )
    train_device: Literal["any", "cpu", "gpu"] = Field(
        default="any", description="what trains the audits that do not say"
    )
    memory_steps_gb: Json[list[PositiveInt]] = Field(
        default_factory=lambda: [8, 16, 24, 40, 80, 140],
        validate_default=False,
        min_length=1,
        description="of devices, one queue each, as JSON; the API's and all workers' must agree",
    )
    lease_seconds: float = Field(default=60, gt=0, description="how long a claim holds without a heartbeat")
    heartbeat_seconds: float = Field(
        default=1, gt=0, description="progress, lease and cancel, in one statement"
    )
    sweep_seconds: float = Field(default=15, gt=0)
    resend_seconds: float = Field(default=120, gt=0, description="after which unclaimed work is sent again")
    max_attempts: int = Field(default=3, gt=0, description="claims before a run or an ingestion fails")
    checkpoint_seconds: float = Field(default=30, ge=0, description="least time between two checkpoints")
    provisional_seconds: float = Field(default=3, ge=0, description="least time between provisional rankings")
    provisional_size: int = Field(default=500, gt=0, description="samples in a provisional ranking")
    backbones_dir: Path | None = Field(
        default=None,
        description="folder with weights of torchvision's networks, <name>.pth; others are downloaded",
    )
    features_max_bytes: int = Field(
        default=512 * MEBIBYTE, ge=0, description="network features kept of one run, for neighbours; 0: none"
    )
    visibility_timeout_seconds: int = Field(
        default=30 * 24 * 3600, gt=0, description="longer than any run, so that Redis never redelivers one"
    )


def read_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings' variables with every ``*_FILE`` replaced by what its file holds.

    Raises:
        ValueError: a named file cannot be read.

    """
    values = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in [name for name in values if name.endswith("_FILE")]:
        try:
            values[name.removesuffix("_FILE")] = Path(values.pop(name)).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{name} must name a readable file: {error}") from error
    return values


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return this process's settings."""
    values = read_secret_files(os.environ)
    return Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in values.items()})  # type: ignore[arg-type]
