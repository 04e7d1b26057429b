# SPDX-License-Identifier: Apache-2.0
"""``qinling-api``: the REST API of a cloud deployment."""

import sys
import threading

from oslo_log import log

from qinling.api import wsgi
from qinling.cmd import process
from qinling.cmd import signals
from qinling.web import server

LOG = log.getLogger(__name__)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = signals.create_stop_event()
    conf = process.configure(sys.argv[1:], 'qinling-api',
                             'The REST API of Qinling.')
    strategy = process.load_strategy(conf, conf.api.host, '[api] host')
    service = process.construct(wsgi.Service, conf, strategy)
    try:
        listener = server.listen(conf.api.host, conf.api.port)
    except OSError as e:
        process.fail(f'Cannot listen on {conf.api.host}:{conf.api.port}: {e}. '
                     'Choose another address with [api] host and port.')
    http = server.Server(service.app, listener, conf.api.threads,
                         conf.api.stop_timeout)
    http_thread = threading.Thread(target=http.serve, name='http')
    http_thread.start()
    process.notify_ready(conf)
    LOG.info('Serving at %s.', http.url)
    signals.wait_for(stop)
    process.notify_systemd('STOPPING=1')
    http.stop()
    http_thread.join()
    service.flush()
    process.close_bus(service.bus.cleanup)
