"""A run without training: its signals come from probabilities that were attached to the dataset."""

from dataclasses import asdict

import numpy as np

from app.audits import audit_service
from app.infra import leases
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import PACK, Storage
from app.tables import Dataset, Run
from models.catalogue.methods import EXTERNAL
from models.label_errors import external_signals
from models.training.signal_recorder import PROBABILITY_CELLS_MAX
from worker.jobs import audited_labels, devices, evidence_files, signal_files
from worker.jobs.evidence_files import RunEvidence
from worker.jobs.heartbeat import Heartbeat
from worker.train.input_neighbours import find_input_neighbours


def store_signals(
    database: Database, storage: Storage, settings: Settings, run: Run, heartbeat: Heartbeat[Run]
) -> None:
    """Store the signals of a claimed run, and its probabilities as evidence.

    They are taken as out of sample: whoever attaches them is asked for such (docs/formats.md).
    """
    with database.transaction() as session:
        audit = audit_service.get(session, run.audit_id)
        dataset = session.get_one(Dataset, audit.dataset_id)
        configuration = {"method": EXTERNAL.name, **(dataset.probabilities or {})}
        leases.update_held(session, Run, run.id, run.attempt, configuration=configuration, device="none")
        labels = audited_labels.load_labels(session, storage, audit, dataset)
        inputs = np.load(storage.fetch_pack_file(dataset, PACK), mmap_mode="r")
    path = storage.fetch_cached(
        storage.locate_probabilities(dataset.id), name=configuration["probabilities_sha256"]
    )
    probabilities_NK = np.load(path, mmap_mode="r")
    signals = external_signals.derive_signals(probabilities_NK, labels.given)
    folder = storage.locate_run(run.audit_id, run.number)
    folder.mkdir(parents=True, exist_ok=True)
    if probabilities_NK.size <= PROBABILITY_CELLS_MAX:
        neighbours_Nk = find_input_neighbours(
            inputs,
            device=devices.choose(settings.devices)[0],
            seed=run.seed,
            bytes_max=settings.features_max_bytes,
            on_block=heartbeat.check,
        )
        evidence = RunEvidence(
            probabilities_NK=probabilities_NK,
            is_out_of_sample_N=np.ones(len(probabilities_NK), dtype=np.bool_),
            neighbours_Nk=neighbours_Nk,
        )
        evidence_files.save(storage, folder, evidence)
    signal_files.save(storage, folder, asdict(signals))
