# SPDX-License-Identifier: Apache-2.0
"""What the daemons have in common: logging, identities, being stopped,
reading the configuration again, and telling systemd."""

import logging
import os
import signal
import socket
import sys
import threading
import time

from oslo_log import log

from qinling.api import identity
from qinling import conf as qinling_conf
from qinling.core import services
from qinling import drivers
from qinling import exception

LOG = log.getLogger(__name__)

#: Seconds to say good-bye to the message bus.
LEAVING = 5


def configure(args, prog, description, cli_opts=(), files=None):
    """Configuration and logging of a daemon."""
    conf = qinling_conf.load(args, files, cli_opts, prog, description)
    log.setup(conf, 'qinling')
    return conf


def identify(conf):
    """How callers are identified; ends the program with a sentence if the
    options do not do."""
    try:
        return identity.load(conf)
    except ValueError as e:
        fail(str(e))


def stop_event():
    """An event that is set by the first SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def serving(conf):
    """Tell systemd that the daemon serves, and from now on take over what
    can be changed of the configuration with each SIGHUP.  To a program in a
    terminal the signal says that the terminal is gone, which ends it."""
    # In a thread, since a handler interrupts whatever holds a lock.
    if not os.isatty(0):
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(
            target=reload, args=(conf,), name='reload', daemon=True).start())
    notify('READY=1')


_reloading = threading.Lock()


def reload(conf):
    """Take over what has changed in the configuration and can be."""
    with _reloading:
        _reload(conf)


def _reload(conf):
    notify(f'RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}')
    try:
        qinling_conf.check_files(conf)
        changed = conf.mutate_config_files()
        # Who read an option meanwhile may have kept what it was; oslo.config
        # forgets what is kept when a default, of whatever, is cleared.
        conf.clear_default('debug')
    except Exception as e:
        LOG.error('The configuration stays as it was: %s', e)
    else:
        LOG.info('The configuration was read again; changed: %s.', ', '.join(
            sorted(f'[{group or "DEFAULT"}] {name}'
                   for group, name in changed)) or 'nothing')
    notify('READY=1')


def notify(state):
    """Tell systemd something, if it wants to know; see sd_notify(3)."""
    path = os.environ.get('NOTIFY_SOCKET')
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(state.encode(), path.replace('@', '\0', 1)
                          if path[0] == '@' else path)
        except OSError as e:
            LOG.warning('systemd is not told "%s": %s', state, e)


def orchestrator(conf, directory):
    """The orchestrator that the configuration names, or the end of the
    program when this machine does not have what that needs."""
    try:
        return checked(drivers.load, 'orchestrators',
                       conf.engine.orchestrator)(conf, directory)
    except exception.PermanentError as e:
        fail(f'The engine cannot run workers: {e}')


def build(conf, db, engine, code):
    """The core, or the end of the program when an option is wrong."""
    return checked(services.build, conf, db, engine, code)


def checked(make, *args):
    """What ``make`` makes of ``args``, or the end of the program when an
    option is wrong."""
    try:
        return make(*args)
    except ValueError as e:
        fail(f'The configuration cannot be used: {e}')


def leave(close):
    """End the program when ``close()`` has returned, or some seconds later:
    where there is no message bus, to leave it takes until there is one."""
    closing = threading.Thread(target=close, name='leaving', daemon=True)
    closing.start()
    closing.join(LEAVING)
    if closing.is_alive():
        LOG.warning('The message bus is left as it is.')
        logging.shutdown()
        os._exit(0)


def fail(sentence):
    """End the program with a sentence for its user."""
    sys.stderr.write(f'{sentence}\n')
    sys.exit(1)
