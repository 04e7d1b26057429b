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

from qinling.api import server
from qinling.api import wsgi
from qinling.cmd import process

LOG = log.getLogger(__name__)


def main():
    """Run until SIGTERM or SIGINT."""
    stop = process.stop_event()
    conf = process.configure(sys.argv[1:], 'qinling-api',
                             'The REST API of Qinling.')
    identify = process.identify(conf)
    service = process.checked(wsgi.Service, conf, identify)
    http = server.Server(service.app, conf.api.host, conf.api.port,
                         conf.api.threads, conf.api.stop_timeout)
    serving = threading.Thread(target=http.serve, name='http')
    serving.start()
    process.serving(conf)
    LOG.info('Serving at %s.', http.url)
    stop.wait()
    process.notify('STOPPING=1')
    http.stop()
    serving.join()
    service.close(process.leave)
