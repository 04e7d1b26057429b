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

"""``qinling``: what there is to run functions from a terminal."""

import sys


def main(argv=None):
    """Run a command; the exit code of the process.

    What the command line needs is not installed with the service.
    """
    try:
        from qinling.client import shell
    except ModuleNotFoundError as e:
        return (f'{e.name} is not installed. The command line needs more '
                'than the service: pip install "qinling[cli]"')
    return shell.main(sys.argv[1:] if argv is None else argv)


if __name__ == '__main__':
    sys.exit(main())
