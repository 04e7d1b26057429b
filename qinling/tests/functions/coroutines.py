#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

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
