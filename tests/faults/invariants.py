"""What must hold after every fault: nothing half done, nothing left behind, nothing lost."""

import hashlib
from pathlib import Path

import httpx
from sqlalchemy import text

from tests.faults.world import ENDED, World

PARTIAL = ("**/*.partial", "datasets/*/pack.*", "datasets/*/incoming/*", "datasets/*/pack/staging-*")


def check(world: World) -> None:
    """Start what was stopped, let the service come to rest, and look everywhere."""
    world.heal()
    for audit in world.audits:
        world.until_ended(audit)
    world.until(lambda: _all_ended(world) or None, "an end of all work")
    _one_set_of_scores(world)
    _uploads_are_whole(world)
    world.until(lambda: None if _left_behind(world) else True, f"removal of {_left_behind(world)}")
    assert httpx.get(f"{world.stack.url}/v1/health/ready", trust_env=False).is_success


def _all_ended(world: World) -> bool:
    unfinished = world.scalar(
        "SELECT (SELECT count(*) FROM audits WHERE status NOT IN ('succeeded', 'failed', 'cancelled'))"
        " + (SELECT count(*) FROM runs WHERE status IN ('queued', 'running') OR lease_until IS NOT NULL)"
        " + (SELECT count(*) FROM datasets WHERE status = 'ingesting' OR lease_until IS NOT NULL)"
    )
    return int(unfinished) == 0


def _one_set_of_scores(world: World) -> None:
    wrong = world.scalar(
        "SELECT string_agg(audits.id::text || ' ' || audits.status || ' ' || counted.scores, ', ')"
        " FROM audits JOIN datasets ON datasets.id = dataset_id,"
        " LATERAL (SELECT count(*) AS scores FROM scores WHERE audit_id = audits.id) AS counted"
        " WHERE counted.scores <> CASE WHEN audits.status = 'succeeded' THEN sample_count ELSE 0 END"
    )
    assert wrong is None, f"audits with a wrong number of scores: {wrong}"
    assert world.scalar("SELECT count(*) FROM provisional_scores") == 0, "provisional scores are left"
    counts = world.scalar(
        "SELECT string_agg(id::text, ', ') FROM datasets WHERE status = 'ready'"
        " AND sample_count <> (SELECT count(*) FROM samples WHERE dataset_id = datasets.id)"
    )
    assert counts is None, f"datasets with a wrong number of samples: {counts}"


def _uploads_are_whole(world: World) -> None:
    with world.engine.connect() as connection:
        stored = connection.execute(text("SELECT dataset_id, name, bytes, sha256 FROM dataset_files")).all()
    for dataset, name, size, sha256 in stored:
        file = world.files / "datasets" / str(dataset) / "files" / name
        assert file.stat().st_size == size, f"{name} has another size than its row"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256, f"{name} has another digest"


def _left_behind(world: World) -> list[str]:
    """Return the files and folders that no row knows."""
    left = [path for pattern in PARTIAL for path in world.files.glob(pattern) if not _is_upload(world, path)]
    for table in ("datasets", "audits"):
        with world.engine.connect() as connection:
            known = {str(row[0]) for row in connection.execute(text(f"SELECT id FROM {table}"))}  # noqa: S608
        left += [path for path in world.files.glob(f"{table}/*") if path.name not in known]
    ended = ", ".join(f"'{status}'" for status in sorted(ENDED))
    with world.engine.connect() as connection:
        query = f"SELECT id FROM audits WHERE status IN ({ended})"  # noqa: S608 - our own words
        for (audit,) in connection.execute(text(query)):
            left += world.files.glob(f"audits/{audit}/runs/*/checkpoint.pt")
    return [str(path.relative_to(world.files)) for path in left]


def _is_upload(world: World, path: Path) -> bool:
    known = world.scalar(
        "SELECT count(*) FROM uploads WHERE replace(id::text, '-', '') = :name AND finished_at IS NULL",
        name=path.name,
    )
    return bool(known)
