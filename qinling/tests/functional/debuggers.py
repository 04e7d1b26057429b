# SPDX-License-Identifier: Apache-2.0
"""Clients of the debuggers of Python and Node.js, as editors have them."""

import json
import socket
import urllib.request

import websocket

TIMEOUT_SECONDS = 60


class DebugAdapter:
    """Client of the Debug Adapter Protocol."""

    def __init__(self, port):
        self._socket = socket.create_connection(
            ('127.0.0.1', port), TIMEOUT_SECONDS)
        self._file = self._socket.makefile('rb')
        self._number = 0
        self._events = []

    def close(self):
        """Close the connection."""
        self._file.close()
        self._socket.close()

    def send(self, command, **arguments):
        """Send a request, and return its number."""
        self._number += 1
        body = json.dumps({
            'seq': self._number, 'type': 'request', 'command': command,
            'arguments': arguments}).encode()
        self._socket.sendall(b'Content-Length: %d\r\n\r\n' % len(body) + body)
        return self._number

    def call(self, command, **arguments):
        """Send a request, and return the body of its answer."""
        number = self.send(command, **arguments)
        while (message := self._read()).get('request_seq') != number:
            self._events.append(message)
        assert message['success'], message
        return message.get('body')

    def wait_for(self, event):
        """Return the body of the next event of a kind."""
        while True:
            message = self._events.pop(0) if self._events else self._read()
            if message.get('event') == event:
                return message['body'] if 'body' in message else {}

    def _read(self):
        size = 0
        while line := self._file.readline().strip():
            name, _colon, value = line.partition(b':')
            if name == b'Content-Length':
                size = int(value)
        return json.loads(self._file.read(size))

    def attach(self, path, directory, line):
        """Attach with a breakpoint, and return where the function stops.

        :param path: file that the editor shows.
        :param directory: directory that the editor shows, in place of the
            directory of the code.
        """
        self.call('initialize', adapterID='test', pathFormat='path',
                  linesStartAt1=True, columnsStartAt1=True)
        self.send('attach', pathMappings=[
            {'localRoot': str(directory), 'remoteRoot': '/code'}])
        self.wait_for('initialized')
        breakpoint, = self.call(
            'setBreakpoints', source={'path': str(path)},
            breakpoints=[{'line': line}])['breakpoints']
        assert breakpoint['verified'], breakpoint
        self.call('configurationDone')
        stop = self.wait_for('stopped')
        frame = self.call('stackTrace', threadId=stop['threadId'])[
            'stackFrames'][0]
        return stop, frame

    def evaluate(self, frame, expression):
        """Return the value of an expression where the function stopped."""
        return self.call('evaluate', frameId=frame['id'],
                         expression=expression)['result']


class Inspector:
    """Client of the inspector of Node.js."""

    def __init__(self, port):
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/json',
                                    timeout=TIMEOUT_SECONDS) as answer:
            target, = json.load(answer)
        self._socket = websocket.create_connection(
            target['webSocketDebuggerUrl'], TIMEOUT_SECONDS,
            suppress_origin=True)
        self._number = 0
        self._events = []

    def close(self):
        """Close the connection."""
        self._socket.close()

    def call(self, method, **parameters):
        """Send a request, and return its result."""
        self._number += 1
        self._socket.send(json.dumps({
            'id': self._number, 'method': method, 'params': parameters}))
        while (message := json.loads(self._socket.recv())).get(
                'id') != self._number:
            self._events.append(message)
        return message['result']

    def wait_for(self, method):
        """Return the parameters of the next event of a kind."""
        while True:
            message = (self._events.pop(0) if self._events
                       else json.loads(self._socket.recv()))
            if message.get('method') == method:
                return message['params']

    def attach(self, name, line):
        """Attach with a breakpoint, and return where the function stops."""
        self.call('Runtime.enable')
        self.call('Debugger.enable')
        self.call('Debugger.setBreakpointByUrl', lineNumber=line - 1,
                  url=f'file:///code/{name}')
        self.call('Runtime.runIfWaitingForDebugger')
        return self.wait_for('Debugger.paused')['callFrames'][0]

    def evaluate(self, frame, expression):
        """Return the value of an expression where the function stopped."""
        return self.call(
            'Debugger.evaluateOnCallFrame', callFrameId=frame['callFrameId'],
            expression=expression)['result']['value']
