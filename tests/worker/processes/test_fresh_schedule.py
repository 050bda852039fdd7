"""Beat starts with whatever an earlier start, cut off by a loss of power, has left."""

from pathlib import Path

import pytest
from celery.beat import Service

from worker.processes.control import FreshSchedule, app


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_a_cut_schedule_is_begun_anew(tmp_path: Path, kept: int) -> None:
    for _ in range(2):
        service = Service(
            app, schedule_filename=str(tmp_path / "schedule"), scheduler_cls=app.conf.beat_scheduler
        )
        assert isinstance(service.scheduler, FreshSchedule)
        assert {"sweep", "tidy"} <= set(service.scheduler.schedule)
        service.scheduler.close()
        files = list(tmp_path.glob("schedule*"))
        assert files, "the health probe looks at their time"
        for file in files:
            file.write_bytes(file.read_bytes()[:kept])
