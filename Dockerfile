# The image of Vow: one program, the libraries it links to and whom the web trusts, and nothing that could run anything else.

FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
# Both caches outlive a change of the sources, so that dependencies are built once.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --release --locked --package vow && deploy/image-root target/release/vow /image

FROM scratch
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Vow" \
      org.opencontainers.image.description="Four gRPC services that keep the promises of a privacy policy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 7443 9464 7405
ENTRYPOINT ["/vow"]
