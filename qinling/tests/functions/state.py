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

"""What stays, and what does not, from one execution to the next."""

import os
import time

COUNT = 0


def count():
    global COUNT
    COUNT += 1
    return [COUNT, os.getpid()]


def environment():
    return dict(os.environ)


def wait_for(path, started):
    """Say in a file that we run, and go on when there is another."""
    with open(started, 'w'):
        pass
    while not os.path.exists(path):
        time.sleep(0.005)
    return os.getpid()
