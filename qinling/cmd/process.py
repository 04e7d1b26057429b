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

"""What the daemons have in common: logging, identities, and being stopped."""

import signal
import sys
import threading

from oslo_log import log

from qinling.api import identity
from qinling import conf as qinling_conf
from qinling.core import services


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


def build(conf, db, engine, code):
    """The core, or the end of the program when an option is wrong."""
    try:
        return services.build(conf, db, engine, code)
    except ValueError as e:
        fail(f'The configuration cannot be used: {e}')


def fail(sentence):
    """End the program with a sentence for its user."""
    sys.stderr.write(f'{sentence}\n')
    sys.exit(1)
