"""A run without training: its signals come from probabilities that were attached to the dataset."""

from dataclasses import asdict

import numpy as np

from app.audits import audit_service
from app.infra import leases
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Dataset, Run
from models.catalogue.methods import EXTERNAL
from models.label_errors import external_signals
from worker.jobs import audited_labels, signal_files


def store_signals(database: Database, storage: Storage, run: Run) -> None:
    """Store the signals of a claimed run."""
    with database.transaction() as session:
        audit = audit_service.get(session, run.audit_id)
        dataset = session.get_one(Dataset, audit.dataset_id)
        configuration = {"method": EXTERNAL.name, **(dataset.probabilities or {})}
        leases.update_held(session, Run, run.id, run.attempt, configuration=configuration, device="none")
        labels = audited_labels.load_labels(session, storage, audit, dataset)
    path = storage.fetch_cached(
        storage.locate_probabilities(dataset.id), name=configuration["probabilities_sha256"]
    )
    signals = external_signals.derive_signals(np.load(path, mmap_mode="r"), labels.given)
    folder = storage.locate_run(run.audit_id, run.number)
    folder.mkdir(parents=True, exist_ok=True)
    signal_files.save(storage, folder, asdict(signals))
