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

"""``qinling-api``: the REST API of a cloud deployment."""

import sys
import threading

from oslo_log import log

from qinling.api import app
from qinling.api import server
from qinling.cmd import process
from qinling.core import services
from qinling.db import session
from qinling import rpc

LOG = log.getLogger(__name__)


def main():
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_event()
    conf = process.configure(sys.argv[1:], 'qinling-api',
                             'The REST API of Qinling.')
    identify = process.identify(conf)
    db = session.Database(conf)
    bus = rpc.transport(conf)
    core = process.build(conf, db, rpc.EngineClient(conf, bus),
                         services.code(conf, db))
    http = server.Server(app.make(core, identify), conf.api.host,
                         conf.api.port, conf.api.threads)
    serving = threading.Thread(target=http.serve, name='http')
    serving.start()
    LOG.info('Serving at %s.', http.url)
    stop.wait()
    http.stop()
    serving.join()
    core.close()
    bus.cleanup()
    db.close()
