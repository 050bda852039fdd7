"""A claimed run with everything that its training needs."""

from dataclasses import dataclass

from app.tables import Dataset, Run
from models.catalogue.training_request import TrainingRequest
from models.configuration.training_config import TrainingConfig
from worker.jobs.audited_labels import AuditLabels


@dataclass(frozen=True, kw_only=True)
class Job:
    """A claimed run with everything that its training needs."""

    run: Run
    dataset: Dataset
    request: TrainingRequest
    config: TrainingConfig
    devices: list[str]
    """Torch devices that train it together; the first one does the steps that need only one device."""
    labels: AuditLabels
    updates_ranking: bool
    """Whether this run updates the audit's provisional ranking: the first run of a variant does."""
