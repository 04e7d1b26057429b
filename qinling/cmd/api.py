# SPDX-License-Identifier: Apache-2.0
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
