# SPDX-License-Identifier: Apache-2.0

import asyncio


async def main(name):
    await asyncio.sleep(0)
    return 'Hello, %s' % name


async def loop_id():
    return id(asyncio.get_running_loop())


async def fail():
    await asyncio.sleep(0)
    raise ValueError('in a coroutine')


def returns_awaitable(name):
    return main(name)


def runs_its_own(name):
    return asyncio.run(main(name))
