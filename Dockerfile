# The service in an image: docker build -t dialogporten .
# It holds the program alone: no PostgreSQL server and no secrets. The database is given with DATABASE_URL;
# see docker-compose.yml.

ARG DEBIAN=bookworm

FROM rust:1-${DEBIAN} AS build
WORKDIR /build

# The dependencies, in layers of their own: they are built again only when the manifest changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs > build.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin dialogporten

COPY . .
# The time of a file decides whether cargo builds it again; those copied may be older than the stand-ins.
RUN touch build.rs src/lib.rs src/main.rs \
    && cargo build --release --locked --bin dialogporten

FROM debian:${DEBIAN}-slim
LABEL org.opencontainers.image.title="dialogporten" \
      org.opencontainers.image.description="The hub through which public agencies keep a digital dialog with every person and company of a country" \
      org.opencontainers.image.licenses="MIT"

COPY --from=build /build/target/release/dialogporten /usr/local/bin/dialogporten
# Whom to believe that they are the platform.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY LICENSE /usr/share/doc/dialogporten/LICENSE

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001

# A container is reached from outside of it. The sandbox refuses such an address unless told otherwise.
ENV DIALOGPORTEN_LISTEN=0.0.0.0:7214
EXPOSE 7214

HEALTHCHECK --interval=10s --timeout=8s --start-period=30s --retries=3 \
    CMD ["dialogporten", "health"]

ENTRYPOINT ["dialogporten"]
CMD ["serve"]
