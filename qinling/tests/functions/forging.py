# SPDX-License-Identifier: Apache-2.0
"""Functions that write to the channel of their executor themselves."""

import json
import os
import struct

CHANNEL = 3


def frame(value):
    text = json.dumps(value).encode()
    return struct.pack('>I', len(text)) + text


def garbage():
    os.write(CHANNEL, struct.pack('>I', 5) + b'{"a":')
    return 'true result'


def not_json_constant():
    text = b'{"execution_id": "e", "status": "success", "output": NaN}'
    os.write(CHANNEL, struct.pack('>I', len(text)) + text)


def not_utf8():
    os.write(CHANNEL, struct.pack('>I', 2) + b'\xff\xfe')


def foreign():
    os.write(CHANNEL, frame({'execution_id': 'another', 'status': 'success',
                             'output': 'forged'}))


def other_keys():
    os.write(CHANNEL, frame({'execution_id': 'e', 'status': 'success',
                             'output': 1, 'duration': -1}))


def bad_status():
    os.write(CHANNEL, frame({'execution_id': 'e', 'status': 'error',
                             'output': 1}))


def too_long():
    os.write(CHANNEL, struct.pack('>I', 0xffffffff))
    os.read(CHANNEL, 1)


def deep():
    os.write(CHANNEL, struct.pack('>I', 200000) + b'[' * 200000)


def close_channel():
    os.closerange(CHANNEL, 100)
    return 'unheard'
