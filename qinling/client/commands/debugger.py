# SPDX-License-Identifier: Apache-2.0
"""Options of the commands that run functions in a debugger."""

from qinling.client.commands import options

OPTION = options.Argument(
    '--debugger', action='store_true',
    help='Wait until an editor attaches with its debugger (debugpy, or the '
         'inspector of Node.js), without a timeout; the function has the '
         'network of this machine. The program qinling accepts --debug, too.')
PORT = options.Argument(
    '--port', type=options.parse_positive, metavar='N',
    help='Port of the debugger on 127.0.0.1; default is 5678 for Python, '
         '9229 for Node.js.')
