# Gradus, the serving set alone. Build and run:
#   docker build -t gradus .
#   docker run --rm -p 8080:8080 -v "$PWD/artifacts/demo/index:/data/index:ro" gradus

FROM python:3.12-slim AS builder

# hnswlib comes as source and would be compiled for the processor of the machine that builds the
# image, and die elsewhere. The inner loops of searches are compiled for any processor of a kind. For a known fleet a level is faster:
#   docker build --build-arg CFLAGS=-march=x86-64-v3 .
ARG CFLAGS=""
ENV HNSWLIB_NO_NATIVE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /source
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md gradus.py ./
COPY catalog catalog
COPY training training
COPY export export
COPY index index
COPY service service
COPY deploy/compile.py deploy/compile.py

RUN CXXFLAGS="$CFLAGS" pip wheel --wheel-dir /wheels . \
    && python -m venv /opt/gradus \
    && /opt/gradus/bin/pip install --no-index --find-links /wheels gradus \
    && /opt/gradus/bin/pip uninstall --yes pip


FROM python:3.12-slim

RUN groupadd --system --gid 10001 gradus \
    && useradd --system --uid 10001 --gid gradus --no-create-home --shell /usr/sbin/nologin gradus

COPY --from=builder /opt/gradus /opt/gradus

ENV PATH=/opt/gradus/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1 \
    GRADUS_HOST=0.0.0.0 \
    GRADUS_PORT=8080 \
    GRADUS_INDEX=/data/index

USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os; from urllib.request import urlopen; urlopen('http://127.0.0.1:' + os.environ['GRADUS_PORT'] + '/readyz', timeout=2)"]

ENTRYPOINT ["gradus"]
CMD ["serve"]
