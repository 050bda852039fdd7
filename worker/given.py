"""A run that trains nothing: its signals come from probabilities that were attached to the dataset."""

from dataclasses import asdict

import numpy as np

from app import audits, leases
from app.database import Database
from app.plans import GIVEN
from app.storage import Storage
from app.tables import Dataset, Run
from models import given
from worker import labels, signal_files


def keep(database: Database, storage: Storage, run: Run) -> None:
    """Store the signals of a claimed run."""
    with database.transaction() as session:
        audit = audits.get(session, run.audit_id)
        dataset = session.get_one(Dataset, audit.dataset_id)
        configuration = {"method": GIVEN, **(dataset.probabilities or {})}
        leases.update_held(session, Run, run.id, run.attempt, configuration=configuration, device="none")
        known = labels.of_audit(session, storage, audit, dataset)
    path = storage.cached(storage.probabilities(dataset.id), name=configuration["probabilities_sha256"])
    found = given.signals(np.load(path, mmap_mode="r"), known.given)
    folder = storage.run(run.audit_id, run.number)
    folder.mkdir(parents=True, exist_ok=True)
    signal_files.save(storage, folder, asdict(found))
