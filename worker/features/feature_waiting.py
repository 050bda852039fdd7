"""What a run waits for: its encoder is chosen before the run is claimed, and its features are asked for."""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.features import feature_service
from app.features.feature_service import EncoderKey
from app.infra.database import Database
from app.infra.settings import Settings
from app.kinds.training_situation import describe_situation
from app.tables import Audit, AuditStatus, Dataset, FeatureStatus, Json, Run, RunStatus
from models.catalogue.encoders import UnusableEncoder
from models.catalogue.methods import EXTERNAL
from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import Situation
from models.configuration.device_traits import read_traits
from models.configuration.encoder_choice import choose_encoder, list_added
from models.encoders.encoder_loading import EncoderIdentity, identify_encoder, list_encoders
from worker.jobs import devices

DECISIVE_FIELDS = ("encoder", "backbone", "network", "input_size", "augmentation")
"""The requested fields on which the choice of an encoder depends."""


@dataclass(frozen=True, kw_only=True)
class _Decision:
    """The encoder of a run: what is stored in `runs.encoder`."""

    reason: str
    identity: EncoderIdentity | None = None
    problem: str | None = None
    """Why it cannot be used."""

    def to_document(self) -> Json:
        known = {} if self.identity is None else asdict(self.identity)
        return {"name": None, **known, "reason": self.reason, "problem": self.problem}


def read_choice(run: Run) -> str | None:
    """Return the name of a claimed run's encoder, None if it trains on its samples.

    Raises:
        UnusableEncoder: the requested encoder cannot be used.

    """
    encoder = run.encoder or {}
    if encoder.get("problem"):
        raise UnusableEncoder(encoder["problem"])
    name: str | None = encoder.get("name")
    return name


def request_features(database: Database, settings: Settings, run_id: UUID) -> bool:
    """Choose a run's encoder and ask for its features; return whether the run can start now.

    If it cannot, it waits in its queue, without a worker, until its features are ready. A run whose encoder
    cannot be used can start: it ends with the reason.
    """
    with database.transaction() as session:
        run = session.get(Run, run_id)
        if run is None or run.status != RunStatus.QUEUED or run.request.get("method") == EXTERNAL.name:
            return True
        dataset = session.get_one(Dataset, audit_service.get(session, run.audit_id).dataset_id)
        decided = run.encoder or _find_sibling_choice(session, run)
    if decided is None:
        decided = _decide(run, dataset, settings).to_document()
    with database.transaction() as session:
        return _store(session, run_id, dataset, decided, settings)


def _find_sibling_choice(session: Session, run: Run) -> Json | None:
    """Return the encoder of a run of the same audit that asked for the same one.

    So the runs of an audit are compared on the same features, whichever worker begins.
    """
    siblings = session.scalars(select(Run).where(Run.audit_id == run.audit_id, Run.encoder.is_not(None)))
    return next((each.encoder for each in siblings if _list_wishes(each) == _list_wishes(run)), None)


def _list_wishes(run: Run) -> list[object]:
    """Return the requested fields on which the choice of an encoder depends."""
    return [run.request.get(name) for name in DECISIVE_FIELDS]


def _decide(run: Run, dataset: Dataset, settings: Settings) -> _Decision:
    situation = describe_training(dataset, settings)
    usable = [
        state.facts
        for state in list_encoders(settings.encoder_folder)
        if state.problem is None and state.facts.takes == situation.encoded_by
    ]
    choice = choose_encoder(
        TrainingRequest.read(run.request),
        situation,
        at_hand=[facts.name for facts in usable],
        added=list_added(usable),
    )
    if choice.name is None:
        return _Decision(reason=choice.reason)
    try:
        identity = identify_encoder(choice.name, settings.encoder_folder)
    except UnusableEncoder as error:
        return _Decision(reason=choice.reason, problem=str(error))
    return _Decision(reason=choice.reason, identity=identity)


def describe_training(dataset: Dataset, settings: Settings) -> Situation:
    """Return what the defaults of a training on this worker depend on."""
    device = read_traits(devices.choose(settings.devices)[0])
    return describe_situation(dataset, device, settings.encoder_folder)


def _store(session: Session, run_id: UUID, dataset: Dataset, decided: Json, settings: Settings) -> bool:
    run = session.get_one(Run, run_id)
    audit = audit_service.get(session, run.audit_id, lock=True)
    session.refresh(run, with_for_update=True)
    if run.status != RunStatus.QUEUED or audit.status in audit_service.TERMINAL:
        return True
    run.encoder = decided
    if decided["name"] is None:
        return True
    encoder = EncoderKey(**{name: decided[name] for name in ("name", "sha256", "width")})
    found = feature_service.require_set(
        session, dataset, encoder, queue=run.queue, shard_size=settings.feature_shard_size
    )
    run.feature_set_id = found.id
    if found.status == FeatureStatus.READY:
        return True
    started = func.coalesce(Audit.started_at, func.now())
    audit_service.change_status(session, run.audit_id, AuditStatus.RUNNING, started_at=started)
    return False
