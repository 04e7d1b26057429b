#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Build the images of the service and of the runtimes; see --help.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

REGISTRY=localhost/qinling
VERSION=$(sed -n 's/^version = //p' setup.cfg)
TAG=$VERSION
BUILDER=
PUSH=
SMOKE=1
IMAGES=()
CONTAINER=

usage() {
    cat <<END
Usage: tools/docker/build.sh [options] [image ...]

Builds images and tests each image in a container that is as confined as a
pod of Qinling: not root, no capabilities, a read-only root filesystem.

Images (all by default):
$(printf '  %s\n' "${KNOWN[@]}")

The list contains the runtimes in tools/docker/images whose language has a
bootstrap in qinling/runtimes.

Options:
  --registry NAME  first part of the names of images (default: $REGISTRY)
  --tag TAG        default: $TAG, the version in setup.cfg
  --builder NAME   docker, podman or buildah (default: the first that works)
  --push           push every image that passes the test
  --no-smoke       do not test the images, even with --push
  --list           print the names of the images with their tags, and exit
  -h, --help       print this text

buildah only builds: the test then also needs podman or docker, with access to
the same images.

Exit codes: 0 success, 1 an image could not be built or pushed, 2 wrong usage,
3 no builder works, 4 an image failed the test, 5 no program can run images.
END
}

give_up() {
    echo "$2" >&2
    exit "$1"
}

# Print the lines of the table whose language has a bootstrap.
list_runtimes() {
    local name language base
    while read -r name language base; do
        case $name in '' | '#'*) continue ;; esac
        if compgen -G "qinling/runtimes/$language.*" >/dev/null; then
            echo "$name $language $base"
        fi
    done <tools/docker/images
}

read_arguments() {
    local list=
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage; exit 0 ;;
            --registry) REGISTRY=${2:?a name must follow $1}; shift ;;
            --tag) TAG=${2:?a tag must follow $1}; shift ;;
            --builder) BUILDER=${2:?a name must follow $1}; shift ;;
            --push) PUSH=1 ;;
            --no-smoke) SMOKE= ;;
            --list) list=1 ;;
            -*) give_up 2 "Unknown option $1; see --help." ;;
            *) [[ " ${KNOWN[*]} " == *" $1 "* ]] || give_up 2 \
                "Unknown image $1; use ${KNOWN[*]}."
                IMAGES+=("$1") ;;
        esac
        shift
    done
    [ ${#IMAGES[@]} -gt 0 ] || IMAGES=("${KNOWN[@]}")
    if [ -n "$list" ]; then
        printf "$REGISTRY/%s:$TAG\n" "${IMAGES[@]}"
        exit 0
    fi
}

# The command docker may exist without a daemon.
works() {
    case $1 in
        docker) docker version >/dev/null 2>&1 ;;
        *) "$1" info >/dev/null 2>&1 ;;
    esac
}

find_builder() {
    local candidate
    for candidate in ${BUILDER:-docker podman buildah}; do
        case $candidate in
            docker | podman | buildah) ;;
            *) give_up 2 "Unknown builder $candidate; use docker, podman or buildah." ;;
        esac
        if works "$candidate"; then
            BUILDER=$candidate
            return
        fi
    done
    give_up 3 "Cannot build images: no answer from \
${BUILDER:-docker, podman or buildah}. Install a builder, or start the daemon."
}

find_runner() {
    RUNNER=$BUILDER
    [ -n "$SMOKE" ] && [ "$BUILDER" = buildah ] || return 0
    for RUNNER in podman docker; do
        if works "$RUNNER"; then
            return
        fi
    done
    give_up 5 'buildah cannot test images: install podman, or use --no-smoke.'
}

# build IMAGE LANGUAGE BASE
build() {
    local file=Dockerfile
    local arguments=(--build-arg "BASE=$3" --build-arg "LANGUAGE=$2")
    if [ "$1" = service ]; then
        file=Dockerfile.service
        arguments=(--build-arg "VERSION=$VERSION")
    fi
    "$BUILDER" build "${arguments[@]}" -f "tools/docker/$file" \
        -t "$REGISTRY/$1:$TAG" .
}

# start PORT WORD...: start a container as confined as a pod. Like the volumes
# of a pod, the writable directories are mounted directories: runc 1.1 gives a
# tmpfs the mode of the directory below, but the owner root.
start() {
    local port=$1
    shift
    CONTAINER=$("$RUNNER" run -d --read-only --cap-drop ALL \
        --security-opt no-new-privileges --pids-limit 256 \
        --volume /tmp --volume /var/lib/qinling/code \
        -p "127.0.0.1::$port" "$@") &&
        ADDRESS=$("$RUNNER" port "$CONTAINER" "$port/tcp")
}

stop() {
    [ -z "$CONTAINER" ] || "$RUNNER" rm -f -v "$CONTAINER" >/dev/null
    CONTAINER=
}
trap stop EXIT

# smoke IMAGE LANGUAGE
smoke() {
    local image=$REGISTRY/$1:$TAG code
    if [ "$1" = service ]; then
        start 7070 -e OS_API__ALLOW_NOAUTH_ON_NETWORK=true "$image" \
            qinling-standalone --host 0.0.0.0 \
            --state-dir /tmp/qinling &&
            python3 tools/docker/smoke.py service "$ADDRESS"
    else
        start 9090 -e QINLING_POOL_KEY -e QINLING_WORKER "$image" &&
            python3 tools/docker/smoke.py worker --confined "$ADDRESS" "$2"
    fi
    code=$?
    if [ $code -ne 0 ] && [ -n "$CONTAINER" ]; then
        echo "--- output of the container of $image" >&2
        "$RUNNER" logs "$CONTAINER" >&2
    fi
    stop
    return $code
}

process() {
    local image=$REGISTRY/$1:$TAG
    echo "=== $image"
    build "$@" || give_up 1 "$image could not be built; see above."
    if [ -n "$SMOKE" ]; then
        smoke "$@" || give_up 4 "$image failed the test; see above."
    fi
    if [ -n "$PUSH" ]; then
        "$BUILDER" push "$image" || give_up 1 "$image could not be pushed."
    fi
    echo "Done: $image"
}

# Passed in the environment: other users can read command lines.
QINLING_POOL_KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
QINLING_WORKER=smoke
export QINLING_POOL_KEY QINLING_WORKER

KNOWN=(service $(list_runtimes | cut -d' ' -f1))
read_arguments "$@"
find_builder
find_runner
echo "Building with $BUILDER: ${IMAGES[*]}"
for image in "${IMAGES[@]}"; do
    read -r _ language base < <(list_runtimes | grep "^$image ") ||
        language= base=
    process "$image" "$language" "$base" </dev/null
done
