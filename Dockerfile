# Two images from one build: the default last stage holds the binary and nothing else;
# `--target with-ffmpeg` adds what previews, transcodes and rare codecs need.
FROM rust:1.95-bookworm AS build
# For the assembly of the JPEG decoder.
RUN apt-get update \
    && apt-get install -y --no-install-recommends nasm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked \
    && cp target/*/release/diptych /diptych \
    && mkdir -p /empty/data/tmp

FROM debian:bookworm-slim AS with-ffmpeg
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /diptych /diptych
COPY --from=build --chown=65532:65532 /empty/data /data
USER 65532:65532
# Whoever comes through a published port is no peer of this machine; the access key still counts.
ENV TMPDIR=/data/tmp DIPTYCH_HYDRUS_ALLOW_REMOTE=true
VOLUME /data
EXPOSE 45869 9999
HEALTHCHECK CMD ["/diptych", "healthcheck", "--data", "/data"]
ENTRYPOINT ["/diptych", "serve", "--data", "/data", "--hydrus-listen", "0.0.0.0:45869", "--stash-listen", "0.0.0.0:9999"]

FROM scratch
COPY --from=build /diptych /diptych
COPY --from=build --chown=65532:65532 /empty/data /data
USER 65532:65532
# Whoever comes through a published port is no peer of this machine; the access key still counts.
ENV TMPDIR=/data/tmp DIPTYCH_HYDRUS_ALLOW_REMOTE=true
VOLUME /data
EXPOSE 45869 9999
HEALTHCHECK CMD ["/diptych", "healthcheck", "--data", "/data"]
ENTRYPOINT ["/diptych", "serve", "--data", "/data", "--hydrus-listen", "0.0.0.0:45869", "--stash-listen", "0.0.0.0:9999"]
