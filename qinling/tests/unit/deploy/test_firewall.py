# SPDX-License-Identifier: Apache-2.0
"""Tests of the rules for hosts with networked workers."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

from oslotest import base

from qinling import conf as qinling_conf
from qinling.orchestrators.process import users as users_module

RULES = pathlib.Path(__file__).parents[4] / 'etc/nftables/qinling.nft'
TOOLS = ('nft', 'ip', 'unshare')
ADDRESSES = '127.0.0.1', '192.0.2.1', '169.254.169.254', '::1'
NAMES = '127.0.0.53'
# Prints which users reach which addresses.
SCRIPT = '''
import json, os, socket, sys
users, addresses = json.loads(sys.argv[1])
places = []
for address, port in addresses:
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    kept = socket.socket(family)
    try:
        kept.bind((address, port))
    except OSError:
        if family == socket.AF_INET6:
            continue  # this machine does not have it
        raise
    kept.listen(99)
    places.append(kept)
found = {}
for user in users:
    inside, outside = os.pipe()
    if not os.fork():
        os.setuid(user)
        reached = []
        for place in places:
            try:
                with socket.socket(place.family) as caller:
                    caller.connect(place.getsockname())
                reached.append(place.getsockname()[0])
            except ConnectionRefusedError:
                pass
        os.write(outside, json.dumps(reached).encode())
        os._exit(0)
    os.close(outside)
    found[user] = json.loads(os.read(inside, 9999))
print(json.dumps(found))
'''


class TestFirewall(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        missing = [tool for tool in TOOLS if not shutil.which(tool)]
        if missing:
            self.skipTest(f'There is no {" and no ".join(missing)} here.')
        tried = subprocess.run(
            ['unshare', '-n', 'nft', '-c', '-f', RULES],
            capture_output=True, text=True)
        if tried.returncode and 'not permitted' in tried.stderr:
            self.skipTest('Only root may try rules in a network of his own.')
        self.assertEqual('', tried.stderr)

    def test_users_are_those_of_workers(self):
        first = qinling_conf.load([], []).process.first_uid
        last = first + users_module.Users.BLOCK * users_module.Users.BLOCKS - 1
        self.assertEqual(
            f'{first}-{last}',
            re.search('define workers = (.*)', RULES.read_text())[1])

    def test_reachability_by_user(self):
        first = qinling_conf.load([], []).process.first_uid
        last = first + users_module.Users.BLOCK * users_module.Users.BLOCKS - 1
        users = [0, first - 1, first, last, last + 1]
        places = [(address, 8080) for address in ADDRESSES] + [(NAMES, 53)]
        before = ['ip link set lo up']
        before += [f'ip address add {address}/32 dev lo'
                   for address in ADDRESSES[1:3]]
        # To load them again changes nothing.
        before += [f'nft -f {RULES}'] * 2
        done = subprocess.run(
            ['unshare', '-n', 'sh', '-ec', '\n'.join(before) + '\nexec "$@"',
             'sh', sys.executable, '-c', SCRIPT,
             json.dumps([users, places])],
            capture_output=True, text=True, timeout=120)
        self.assertEqual('', done.stderr)
        answers = json.loads(done.stdout)
        everything = answers['0']
        self.assertLessEqual({*ADDRESSES[:3], NAMES}, set(everything))
        self.assertEqual(
            {'0': everything, str(first - 1): everything,
             str(first): [NAMES], str(last): [NAMES],
             str(last + 1): everything}, answers)
