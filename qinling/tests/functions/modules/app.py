# SPDX-License-Identifier: Apache-2.0

from greetings import texts


def handle(name):
    return texts.hello(name)
