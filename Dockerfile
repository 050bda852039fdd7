# Two images from one file: `api` (no torch) and `worker` (torch with CUDA; also runs on a CPU).
#   docker build --target api -t limit-audit-api .
#   docker build --target worker -t limit-audit-worker .
# A package index that needs configuration: --secret id=pip,src=pip.conf; it is not stored in any layer.
# BASE_IMAGE: any Debian-like system with python3.11, its venv module, and the package libpython3.11-dev.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
ENV PATH=/opt/limit-audit/bin:$PATH \
    MALLOC_ARENA_MAX=2 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIMIT_AUDIT_STORAGE_DIR=/data
# A fixed uid, so that volumes keep their owner after a rebuild; a new volume gets the owner of /data.
RUN groupadd --gid 10001 limit-audit \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin limit-audit \
    && install --directory --owner=10001 --group=10001 /data \
    && python3.11 -m venv /opt/limit-audit
WORKDIR /srv/limit-audit
COPY pyproject.toml constraints.txt deploy/dependencies.py ./

# The layer of dependencies changes only with pyproject.toml and constraints.txt, not with the code.
FROM base AS api
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    python dependencies.py server > /tmp/wanted.txt \
    && pip install --disable-pip-version-check --constraint constraints.txt --requirement /tmp/wanted.txt
COPY README.md LICENSE ./
COPY app app
COPY migrations migrations
COPY models/__init__.py models/__init__.py
COPY models/catalogue models/catalogue
COPY models/configuration models/configuration
COPY models/reading models/reading
COPY models/checks models/checks
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --no-deps --editable .
USER limit-audit
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["limit-audit", "probe", "api"]
CMD ["uvicorn", "--factory", "app.main:create_app", "--host", "0.0.0.0", "--port", "8000", "--http", "app.http.connection_timeouts:TimeoutProtocol", "--no-access-log"]

FROM base AS worker
# torch.compile builds kernels for long trainings with a C++ compiler and Python's headers.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends g++ libpython3.11-dev \
    && rm -rf /var/lib/apt/lists/*
# Spinning threads would take cores from other processes.
ENV OMP_WAIT_POLICY=PASSIVE
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    python dependencies.py worker lite0 timm onnx sentence-transformers spreadsheets > /tmp/wanted.txt \
    && pip install --disable-pip-version-check --constraint constraints.txt --requirement /tmp/wanted.txt
COPY README.md LICENSE ./
COPY app app
COPY migrations migrations
COPY worker worker
COPY models models
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip install --disable-pip-version-check --no-deps --editable .
USER limit-audit
VOLUME /data
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s CMD ["limit-audit", "probe", "workers"]
CMD ["python", "-m", "worker.processes.fleet"]
