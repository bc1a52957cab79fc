# syntax=docker/dockerfile:1
# bellhop and nothing else: no shell, no package manager, no root.
#
#   docker build -t bellhop .
#   docker run -p 8080:8080 -v bellhop:/data -e BELLHOP_SHOPIFY_SECRET bellhop serve

FROM --platform=$BUILDPLATFORM golang:1.26.10-bookworm AS build
WORKDIR /src
ARG TARGETOS TARGETARCH
# A bind mount of the checkout, with .git, lets bellhop version show the commit as
# after make build.
RUN --mount=type=bind,target=/src \
    --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -o /out/bellhop ./cmd/bellhop
RUN mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/bellhop /bellhop
# A volume mounted here gets this folder's owner. Only sqlite: needs one; everything
# else runs with --read-only.
COPY --from=build --chown=65532:65532 --chmod=700 /out/data /data
ENV BELLHOP_ADDR=:8080 BELLHOP_DIR=/data
EXPOSE 8080
# No HEALTHCHECK: the image has no client for it, and Docker restarts nothing because
# of it. The proxy in front asks /readyz.
ENTRYPOINT ["/bellhop"]
