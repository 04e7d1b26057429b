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

"""``qinling-engine``: one engine of a cloud deployment."""

import sys
import tempfile

from qinling.cmd import process
from qinling.core import services
from qinling.db import session
from qinling import drivers
from qinling.engine import endpoint
from qinling.engine import service
from qinling import rpc


def main():
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_event()
    conf = process.configure(sys.argv[1:], 'qinling-engine',
                             'The engine of Qinling.')
    db = session.Database(conf)
    code = services.code(conf, db)
    with tempfile.TemporaryDirectory(prefix='qinling-engine-') as directory:
        orchestrator = drivers.load(
            'orchestrators', conf.engine.orchestrator)(conf, directory)
        engine = service.Engine(conf, db, orchestrator, code)
        bus = rpc.transport(conf)
        listener = rpc.server(conf, bus, engine.owner.replace(':', '-'),
                              endpoint.Endpoint(engine))
        engine.begin()
        listener.start()
        stop.wait()
        listener.stop()
        engine.end()
        listener.wait()
        bus.cleanup()
    db.close()
