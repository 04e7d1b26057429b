#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0

# Write requirements.lock: the versions and hashes of the test environment,
# for all supported versions of Python. Needs uv. Options, such as --upgrade,
# go to uv.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec uv pip compile --quiet --universal --generate-hashes --no-annotate \
    --python-version 3.11 --extra cli --output-file requirements.lock \
    --custom-compile-command tools/lock.sh "$@" \
    requirements.txt test-requirements.txt setup.cfg
