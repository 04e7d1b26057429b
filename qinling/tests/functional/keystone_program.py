# SPDX-License-Identifier: Apache-2.0
"""Server of Keystone, in an environment with Keystone.

Argument: the port.
"""

import sys

from cheroot import wsgi


def main():
    """Serve until the process is killed."""
    port = int(sys.argv.pop())
    # Reads the configuration, and what is left of the command line.
    from keystone.wsgi.api import application
    # One thread, because two that write would meet in SQLite, and one of them
    # answer with 500.
    server = wsgi.Server(('127.0.0.1', port), application, numthreads=1)
    server.prepare()
    print('Serving.', flush=True)
    server.serve()
