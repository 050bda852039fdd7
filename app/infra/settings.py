"""Settings from the environment, read once at process start."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, Json, PositiveInt, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "LIMIT_AUDIT_"
MEBIBYTE = 2**20
GIBIBYTE = 2**30


class Settings(BaseSettings):
    """Settings of one process. Each is the environment variable ``LIMIT_AUDIT_<NAME>``.

    A secret can also be set as ``LIMIT_AUDIT_<NAME>_FILE``, the path of a file that contains it.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    database_url: str = Field(description="SQLAlchemy URL of PostgreSQL, driver psycopg")
    broker_url: str = Field(description="Celery URL of Redis")
    storage_dir: Path = Field(
        description="folder for uploads, packs and results; with a bucket, this host's workspace and cache"
    )
    storage_url: str | None = Field(
        default=None,
        description="s3://bucket/prefix, shared by all hosts; None: all files are in storage_dir",
    )
    storage_endpoint: str | None = Field(default=None, description="URL of an S3 server other than AWS's")
    storage_region: str | None = None
    storage_key_id: str | None = Field(
        default=None, description="access key; None: AWS's variables, or the host's role"
    )
    storage_secret: str | None = Field(default=None, description="secret of the access key")
    storage_cache_bytes: int = Field(
        default=200 * GIBIBYTE, gt=0, description="most that one host caches of the packs in a bucket"
    )

    authentication: Literal["keys", "none"] = Field(
        default="keys",
        description="'keys': every request needs a bearer key. 'none': only loopback clients are served",
    )
    record_signing_key: str | None = Field(
        default=None,
        description="PEM of an Ed25519 private key that signs records of audits; None: they are not signed",
    )
    instance_token: str | None = Field(
        default=None, description="set by the embedded service, to recognise its own API at an address"
    )
    request_lock_seconds: float = Field(default=30, gt=0, description="longest wait of a request for a lock")
    request_statement_seconds: float = Field(
        default=300, gt=0, description="longest time of one statement of a request"
    )
    request_idle_seconds: float = Field(
        default=3600,
        gt=0,
        description="longest pause in a request's transaction; long, as an upload can go to a bucket in it",
    )
    login_hours: float = Field(default=12, gt=0, description="how long a browser stays logged in")
    outbound_private: bool = Field(
        default=False,
        description="allow private and loopback addresses for webhooks and remote sources",
    )
    smtp_host: str | None = Field(
        default=None, description="server that takes the e-mail of webhooks; None: no e-mail is sent"
    )
    smtp_port: int = Field(default=587, gt=0, le=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="starttls or tls: the server's certificate is checked; none: in the clear, on this host",
    )
    smtp_user: str | None = Field(default=None, description="None: the server is not logged in to")
    smtp_password: str | None = None
    smtp_sender: str | None = Field(default=None, description="the address that e-mail comes from")
    smtp_domains: Json[list[str]] = Field(
        default_factory=list,
        validate_default=False,
        description='domains that e-mail may go to, as JSON: ["example.org"]; ["*"]: all; empty: none',
    )
    smtp_seconds: float = Field(
        default=8, gt=0, le=15, description="longest silence of the server; a delivery ends after 20 s anyway"
    )
    place_folders: Json[list[Path]] = Field(
        default_factory=list,
        validate_default=False,
        description="server folders from which every workspace may read datasets in place, as JSON; the same"
        " path on all hosts",
    )
    place_endpoints: Json[list[str]] = Field(
        default_factory=list,
        validate_default=False,
        description="URLs of S3 servers other than AWS's from which datasets may be read in place, as JSON",
    )
    hub_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]+",
        description="URL of the hub that hf:// is read from; None: the one of the package huggingface_hub",
    )
    requests_per_second: float = Field(
        default=50, gt=0, description="sustained rate of one key, per API process"
    )
    requests_burst: int = Field(default=500, gt=0, description="requests of one key at once, per API process")
    requests_concurrent: int = Field(
        default=32, gt=0, description="open requests of one key, per API process"
    )
    downloads_concurrent: int = Field(
        default=8,
        gt=0,
        description="open downloads of one workspace that are written while they are sent, per API process",
    )
    log_format: Literal["json", "text"] = "json"

    upload_max_bytes: int = Field(default=200 * GIBIBYTE, gt=0)
    workspace_max_bytes: int | None = Field(
        default=None, gt=0, description="most bytes of uploads of one workspace; None: what the disk holds"
    )
    upload_reserve_bytes: int = Field(
        default=GIBIBYTE, ge=0, description="disk space that uploads leave free"
    )
    upload_max_files: int = Field(default=256, gt=0, description="most files of one dataset")
    upload_idle_seconds: float = Field(default=60, gt=0, description="longest pause inside a body")
    upload_expiry_seconds: float = Field(
        default=7 * 24 * 3600, gt=0, description="idle time after which an unfinished upload is deleted"
    )
    upload_save_bytes: int = Field(
        default=32 * MEBIBYTE,
        gt=0,
        description="bytes of a resumable upload between two saves: most that a crash can lose",
    )
    truth_max_bytes: int = Field(default=2 * GIBIBYTE, gt=0)
    ingestions_per_workspace: int = Field(
        default=1, ge=1, description="most uploads of one workspace that are read at a time"
    )
    ingestions_of_places: int = Field(
        default=1,
        ge=1,
        description="most places that are read at a time, of all workspaces: fewer than there are readers, so"
        " that slow servers never hold them all",
    )
    body_max_bytes: int = Field(
        default=64 * 1024, gt=0, description="largest body other than a file, reviews or an audit's request"
    )
    list_body_max_bytes: int = Field(
        default=MEBIBYTE,
        gt=0,
        description="largest body of reviews, or of an audit's request, which can hold a confusion matrix",
    )
    body_seconds: float = Field(default=30, gt=0, description="time limit for receiving such a body")
    image_max_pixels: int = Field(default=64 * MEBIBYTE, gt=0, description="largest image decoded on request")
    picture_cache_bytes: int = Field(
        default=4 * GIBIBYTE, gt=0, description="most that one host keeps of reduced and converted pictures"
    )

    idempotency_seconds: float = Field(
        default=24 * 3600, gt=0, description="least time that the answer to an Idempotency-Key is kept"
    )
    activity_days: float = Field(
        default=400, gt=0, description="time that the activity log is kept: a year, and time to read it"
    )
    delivery_days: float = Field(
        default=30, gt=0, description="time that delivered and failed webhook messages are kept"
    )
    tidy_seconds: float = Field(
        default=600, gt=0, description="interval of the clean-up of expired and interrupted work"
    )

    ingest_memory_bytes: int = Field(
        default=4 * GIBIBYTE,
        gt=0,
        description="memory limit of the process that reads one upload, without its files",
    )
    ingest_seconds: float = Field(default=12 * 3600, gt=0, description="time limit for reading one upload")
    ingest_silent_seconds: float = Field(
        default=1800, gt=0, description="longest time without progress while reading one upload"
    )
    ingest_limits: Json[dict[str, PositiveInt]] = Field(
        default_factory=dict,
        validate_default=False,
        description='limits of docs/formats.md to change, as JSON: {"max_members": 1000}',
    )

    devices: str = Field(
        default="",
        description="torch devices that train each run of this worker together, such as cuda:0,cuda:1; empty:"
        " the first visible GPU, else the CPU",
    )
    gpus_per_run: int = Field(
        default=1, gt=0, description="GPUs that worker.processes.fleet gives to each of its workers"
    )
    train_queues: str = Field(
        default="",
        description="queues of this training worker, for example train.gpu,train; empty: all that its devices"
        " can serve",
    )
    train_device: Literal["any", "cpu", "gpu"] = Field(
        default="any", description="device class for audits that do not choose one"
    )
    memory_steps_gb: Json[list[PositiveInt]] = Field(
        default_factory=lambda: [8, 16, 24, 40, 80, 140],
        validate_default=False,
        min_length=1,
        description="device memory classes, one queue each, as JSON; the same for the API and all workers",
    )
    lease_seconds: float = Field(
        default=60, gt=0, description="time until a claim without a heartbeat expires"
    )
    review_lease_seconds: float = Field(
        default=300,
        ge=1,
        le=86_400,
        description="time for which a sample that a person has on their screen is handed to nobody else",
    )
    heartbeat_seconds: float = Field(
        default=1,
        gt=0,
        description="interval of progress writes, which extend the lease and check for a cancel",
    )
    sweep_seconds: float = Field(default=15, gt=0)
    resend_seconds: float = Field(
        default=120, gt=0, description="time after which unclaimed work is sent again"
    )
    max_attempts: int = Field(default=3, gt=0, description="claims before a run or an ingestion fails")
    checkpoint_seconds: float = Field(default=30, ge=0, description="least time between two checkpoints")
    provisional_seconds: float = Field(default=3, ge=0, description="least time between provisional rankings")
    provisional_size: int = Field(default=500, gt=0, description="samples in a provisional ranking")
    encoders_dir: Path | None = Field(
        default=None,
        description="folder with the weights of encoders; None: backbones_dir, else `encoders` in"
        " storage_dir",
    )
    backbones_dir: Path | None = Field(default=None, description="the former name of encoders_dir")
    feature_shard_size: int = Field(
        default=4096, gt=0, description="samples whose features one task computes"
    )
    features_max_bytes: int = Field(
        default=512 * MEBIBYTE,
        ge=0,
        description="most network features kept of one run, for neighbours, and most values by which the"
        " neighbours of the count's evidence are found; 0: none",
    )
    map_points: int = Field(
        default=100_000,
        ge=100,
        le=1_000_000,
        description="most samples on the map of an audit; of more, half are the highest-ranked",
    )
    map_seconds: float = Field(
        default=900, gt=0, description="time after which the layout of a map ends as it is"
    )
    map_memory_bytes: int = Field(
        default=4 * GIBIBYTE, gt=0, description="memory limit of the process that computes a map"
    )
    visibility_timeout_seconds: int = Field(
        default=30 * 24 * 3600, gt=0, description="longer than any run, so that Redis never redelivers one"
    )

    @model_validator(mode="after")
    def _keep_password_secret(self) -> Self:
        if self.smtp_user is not None and self.smtp_security == "none":
            raise ValueError(
                "smtp_user needs smtp_security starttls or tls: the password must not be sent in the clear"
            )
        return self

    @property
    def encoder_folder(self) -> Path:
        """The folder with the weights of encoders on this host; it need not exist."""
        return self.encoders_dir or self.backbones_dir or self.storage_dir / "encoders"


def read_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings' variables with every ``*_FILE`` replaced by the content of its file.

    Raises:
        ValueError: a file cannot be read.

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
