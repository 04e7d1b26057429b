#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Builds the images of the service and of its runtimes; see --help.

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

Builds images and tests each in a container that is as confined as a pod of
Qinling: not root, no capabilities, a read-only root filesystem.

Images (all of them, if none is named):
$(printf '  %s\n' "${KNOWN[@]}")

A runtime is here as soon as qinling/runtimes holds the bootstrap of its
language; the table is tools/docker/images.

Options:
  --registry NAME  what names of images begin with (default: $REGISTRY)
  --tag TAG        default: $TAG, the version in setup.cfg
  --builder NAME   docker, podman or buildah (default: the first that works)
  --push           push what was built and passed its test
  --no-smoke       do not run what was built, even with --push
  --list           print the names of the images, with their tags, and end
  -h, --help       this text

buildah only builds; the test then needs podman or docker beside it, and an
image that the other one can see.

Exit codes: 0 all is well, 1 an image could not be built or pushed, 2 wrong
usage, 3 there is no builder, 4 an image failed its test, 5 there is nothing
to run images with.
END
}

give_up() {
    echo "$2" >&2
    exit "$1"
}

# The lines of the table whose language has its bootstrap.
runtimes() {
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
            -*) give_up 2 "There is no option $1; see --help." ;;
            *) [[ " ${KNOWN[*]} " == *" $1 "* ]] || give_up 2 \
                "There is no image $1; there are: ${KNOWN[*]}."
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

# The command of docker is often there where its daemon is not.
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
            *) give_up 2 "$candidate is none of docker, podman, buildah." ;;
        esac
        if works "$candidate"; then
            BUILDER=$candidate
            return
        fi
    done
    give_up 3 "Nothing can build images here: no answer from \
${BUILDER:-docker, podman or buildah}. Install one, or start its daemon."
}

find_runner() {
    RUNNER=$BUILDER
    [ -n "$SMOKE" ] && [ "$BUILDER" = buildah ] || return 0
    for RUNNER in podman docker; do
        if works "$RUNNER"; then
            return
        fi
    done
    give_up 5 'buildah cannot test images: install podman, or say --no-smoke.'
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

# start PORT WORD...: a container as a pod would have it.
start() {
    local port=$1
    shift
    CONTAINER=$("$RUNNER" run -d --read-only --cap-drop ALL \
        --security-opt no-new-privileges --pids-limit 256 \
        --tmpfs /tmp:mode=1777 \
        --tmpfs /var/lib/qinling/code:exec,mode=1777 \
        -p "127.0.0.1::$port" "$@") &&
        ADDRESS=$("$RUNNER" port "$CONTAINER" "$port/tcp")
}

stop() {
    [ -z "$CONTAINER" ] || "$RUNNER" rm -f "$CONTAINER" >/dev/null
    CONTAINER=
}
trap stop EXIT

# smoke IMAGE LANGUAGE
smoke() {
    local image=$REGISTRY/$1:$TAG code
    if [ "$1" = service ]; then
        start 7070 "$image" qinling-standalone --host 0.0.0.0 \
            --state-dir /tmp/qinling &&
            python3 tools/docker/smoke.py service "$ADDRESS"
    else
        start 9090 -e QINLING_POOL_KEY -e QINLING_WORKER "$image" &&
            python3 tools/docker/smoke.py worker --confined "$ADDRESS" "$2"
    fi
    code=$?
    if [ $code -ne 0 ] && [ -n "$CONTAINER" ]; then
        echo "--- what the container of $image said" >&2
        "$RUNNER" logs "$CONTAINER" >&2
    fi
    stop
    return $code
}

make() {
    local image=$REGISTRY/$1:$TAG
    echo "=== $image"
    build "$@" || give_up 1 "$image could not be built; see above."
    if [ -n "$SMOKE" ]; then
        smoke "$@" || give_up 4 "$image failed its test; see above."
    fi
    if [ -n "$PUSH" ]; then
        "$BUILDER" push "$image" || give_up 1 "$image could not be pushed."
    fi
    echo "Done: $image"
}

# In the environment, where other users of this machine do not see it.
QINLING_POOL_KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
QINLING_WORKER=smoke
export QINLING_POOL_KEY QINLING_WORKER

KNOWN=(service $(runtimes | cut -d' ' -f1))
read_arguments "$@"
find_builder
find_runner
echo "Building with $BUILDER: ${IMAGES[*]}"
for image in "${IMAGES[@]}"; do
    read -r _ language base < <(runtimes | grep "^$image ") ||
        language= base=
    make "$image" "$language" "$base" </dev/null
done
