# SPDX-License-Identifier: Apache-2.0
"""The way to a pod's port through the API server.

https://kubernetes.io/docs/tasks/access-application-cluster/\
access-cluster-services/#manually-constructing-apiserver-proxy-urls
"""

import contextlib
import http.client
import re

from qinling.tests.kubernetes import errors

#: Headers that are of one connection, or for the API server itself.
KEPT_BACK = {'authorization', 'connection', 'host', 'keep-alive',
             'transfer-encoding', 'content-length', 'te', 'upgrade'}
PATIENCE = 30  # seconds


def split(text):
    """Return (scheme, name, port) of ``[scheme:]name[:port]``."""
    match = re.fullmatch(r'(?:(https?):)?([^:]+)(?::([^:]*))?', text)
    if not match:
        raise errors.bad_request(f'invalid pod request "{text}"')
    return match[1] or 'http', match[2], match[3]


def address(pod, port):
    """Return (host, port) of a pod.

    :raises ApiError: the pod has no address.
    """
    host = pod['status'].get('podIP')
    if not host:
        raise errors.unavailable('address not allowed')
    ports = [declared for container in pod['spec']['containers']
             for declared in container.get('ports', ())]
    if not port:
        return host, ports[0]['containerPort'] if ports else 80
    if port.isdigit():
        return host, int(port)
    for declared in ports:
        if declared.get('name') == port:
            return host, declared['containerPort']
    raise errors.unavailable(f'no port named "{port}"')


def forward(place, method, path, headers, body):
    """Return (status, headers, body) of a pod's answer.

    :param place: (host, port).
    """
    request_headers = {name: value for name, value in headers.items()
                       if name.lower() not in KEPT_BACK}
    host, port = place
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        with contextlib.closing(connection):
            connection.request(method, path, body or None,
                               dict(request_headers, Host=f'{host}:{port}'))
            answer = connection.getresponse()
            data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise errors.unavailable(
            'error trying to reach service: dial tcp '
            f'{host}:{port}: {error}') from error
    answer_headers = {name: value for name, value in answer.getheaders()
                      if name.lower() not in KEPT_BACK}
    return answer.status, answer_headers, data
