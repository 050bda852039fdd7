"""Route of the metrics for Prometheus. They cover all workspaces, so an administrator's key is needed."""

from fastapi import APIRouter, Response

from app.audits import placement
from app.http import prometheus
from app.infra import queue
from app.routes.shared.callers import ServiceDatabase, ServiceSettings
from app.routes.shared.dependencies import Administers, Files
from app.routes.shared.file_responses import describe_content

router = APIRouter(tags=["health"])
TIMEOUT_SECONDS = 2


@router.get(
    "/metrics",
    dependencies=[Administers],
    response_class=Response,
    responses={200: {"content": describe_content(prometheus.MEDIA_TYPE)}},
)
def read_prometheus_metrics(settings: ServiceSettings, database: ServiceDatabase, files: Files) -> Response:
    """Return metrics of requests, queues, runs, features, speed, GPU memory, lost leases and failures."""
    names = [*map(str, queue.Queue), *placement.list_queues(settings.memory_steps_gb)[1:]]
    waiting = queue.count_messages(settings.broker_url, names, timeout_seconds=TIMEOUT_SECONDS)
    with database.transaction() as session:
        body = prometheus.render(session, waiting, files.measure_free_bytes())
    return Response(body, media_type=prometheus.MEDIA_TYPE)
