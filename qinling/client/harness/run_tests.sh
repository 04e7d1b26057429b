#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Program that runs the test script of a project, once for each line.
while read -r _line; do
    ./test.sh "$@" </dev/null >&2
    echo $?
done
