# The onenet server, API and worker in one process. Build from the repository root:
#   docker build --tag onenet .
# Run, with the data on a volume and the key as a file that user 10001 can read (docs/administrators.md#container):
#   docker run --publish 8000:8000 --volume onenet-data:/var/lib/onenet --volume ./kek:/run/secrets/kek:ro \
#     --env ONENET_KEK_FILE=/run/secrets/kek --env ONENET_PUBLIC_URL=https://onenet.example.gov.cn onenet

FROM python:3.13-slim-bookworm AS build

WORKDIR /build
# The lock also holds what tests need; taken as constraints it pins versions and adds no package.
COPY requirements.lock .
RUN grep -E '^[a-z0-9-]+==' requirements.lock | sed 's/ *\\$//' > constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
COPY catalogue catalogue
RUN python -m venv /opt/onenet \
    && /opt/onenet/bin/pip install --no-cache-dir --constraint constraints.txt '.[postgres,speed]'

FROM python:3.13-slim-bookworm

RUN useradd --system --uid 10001 --home-dir /var/lib/onenet --create-home --shell /usr/sbin/nologin onenet
COPY --from=build /opt/onenet /opt/onenet

ENV PATH=/opt/onenet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ONENET_HOST=0.0.0.0 \
    ONENET_PORT=8000 \
    ONENET_DATA_DIR=/var/lib/onenet

USER onenet
WORKDIR /var/lib/onenet
VOLUME /var/lib/onenet
EXPOSE 8000
STOPSIGNAL SIGTERM

# urlopen raises on anything but 2xx, and then Python leaves with status 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['ONENET_PORT'] + '/health/ready', timeout=4)"]

CMD ["onenet", "serve"]
