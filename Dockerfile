# One image a service: `docker build --build-arg SERVICE=center1111 .` (or chumchon; with OCR=1 it also reads scans).
# The result has Python, that service and what it needs; it runs as nobody special on a read-only file system.
FROM python:3.13-slim AS build
ARG SERVICE
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /app
RUN python3 -m venv /uv && /uv/bin/pip install --quiet uv
# What is needed changes seldom: installed first, so that a change of our code does not install it again.
COPY pyproject.toml uv.lock ./
COPY shared/schemas/pyproject.toml shared/schemas/
COPY shared/thaikit/pyproject.toml shared/thaikit/
COPY shared/letters/pyproject.toml shared/letters/
COPY shared/servicekit/pyproject.toml shared/servicekit/
COPY shared/exchange/pyproject.toml shared/exchange/
COPY services/center1111/pyproject.toml services/center1111/
COPY services/chumchon/pyproject.toml services/chumchon/
COPY tools/devstack/pyproject.toml tools/devstack/
RUN /uv/bin/uv sync --quiet --frozen --no-dev --no-install-workspace --package ${SERVICE}
COPY shared shared
COPY services/${SERVICE} services/${SERVICE}
RUN /uv/bin/uv sync --quiet --frozen --no-dev --package ${SERVICE}

FROM python:3.13-slim
ARG SERVICE
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 SERVICE=${SERVICE}
RUN groupadd --system --gid 10001 service && useradd --system --uid 10001 --gid service --no-create-home service \
    && install --directory --owner=service --group=service --mode=0700 /var/lib/${SERVICE}
# The Office takes faxes and scanned letters out of folders. With OCR it also reads them, for 110 MB and a slower build.
ARG OCR
RUN if [ "${SERVICE}" = chumchon ]; then \
        install --directory --owner=service --group=service --mode=0700 /var/lib/arrivals/fax /var/lib/arrivals/po_box; \
    fi \
    && if [ "${SERVICE}" = chumchon ] && [ -n "${OCR}" ]; then \
        apt-get update -qq \
        && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends tesseract-ocr tesseract-ocr-tha \
        && rm -rf /var/lib/apt/lists/* /var/cache/apt/*; \
    fi
COPY --from=build /app /app
USER 10001:10001
WORKDIR /app
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bin/sh", "-c", "exec python -m \"$SERVICE\" \"$@\"", "service"]
CMD ["serve"]
