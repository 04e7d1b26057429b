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

"""Building the core: once in each process, and handed to whoever needs it."""

import dataclasses

from qinling.core import executions
from qinling.core import functions
from qinling.core import runtimes
from qinling import drivers
from qinling.sources import package


@dataclasses.dataclass(frozen=True)
class Services:
    """The core's nouns, ready to use."""

    conf: object
    runtimes: runtimes.Runtimes
    functions: functions.Functions
    executions: executions.Executions


def sources(conf):
    """The code sources by name, over the configured storage."""
    storage = drivers.load('storage', conf.storage.provider)(conf)
    return {'package': package.Driver(conf, storage)}, storage


def build(conf, db, engine):
    """The core over a database and an engine client."""
    known, storage = sources(conf)
    return Services(
        conf=conf,
        runtimes=runtimes.Runtimes(db, engine),
        functions=functions.Functions(conf, db, engine, known, storage),
        executions=executions.Executions(conf, db, engine))
