# syntax=docker/dockerfile:1.10
# Twitchy: one binary with everything inside, in three stages: web page, binary, and an image that holds little else.
#
#   docker build -t twitchy .
#   docker run --rm -p 127.0.0.1:8080:8080 -v twitchy:/var/lib/twitchy twitchy
#
# Versions are named here and packages come from lock files, so the same commit gives the same program. Who needs the
# same image bit for bit pins the three base images by digest as well.

ARG DEBIAN=trixie

FROM node:22-${DEBIAN}-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN --mount=type=cache,target=/var/cache/npm,sharing=locked \
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --cache /var/cache/npm --no-audit --no-fund
COPY web ./
RUN npm run build

FROM rust:1.95-slim-${DEBIAN} AS build
# The Kafka client is compiled from C (and its build from C++); TLS and SCRAM to the brokers need OpenSSL.
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends g++ libssl-dev make pkg-config zlib1g-dev
WORKDIR /src
COPY . .
COPY --from=web /src/web/dist web/dist
ARG FEATURES=kafka-tls,cassandra-tls
# What cargo keeps is in caches, so the binary is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    CARGO_INCREMENTAL=0 cargo build --locked --release -p server --bin twitchy --features "${FEATURES}" \
    && install -D --strip target/release/twitchy /out/twitchy

FROM debian:${DEBIAN}-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3t64 \
    && groupadd --gid 10001 twitchy \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/twitchy --shell /usr/sbin/nologin twitchy \
    && install -d -m 0700 -o twitchy -g twitchy /var/lib/twitchy
COPY deploy/docker/healthcheck /usr/local/bin/twitchy-healthcheck
COPY --from=build /out/twitchy /usr/local/bin/twitchy
USER 10001
WORKDIR /var/lib/twitchy
VOLUME /var/lib/twitchy
ENV TWITCHY_SERVER__LISTEN=0.0.0.0:8080 \
    TWITCHY_SERVER__DATA=/var/lib/twitchy \
    TWITCHY_LOG_FORMAT=json
EXPOSE 8080
# Alive, not ready: a gateway without its broker must not be restarted, it refuses and recovers by itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s CMD ["twitchy-healthcheck", "/healthz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["twitchy"]
CMD ["serve"]
