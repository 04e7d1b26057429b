# SPDX-License-Identifier: Apache-2.0
"""Web server: HTTP/1.1 connections in front of a WSGI application.

``request`` is what a client sent, ``connection`` reads requests from a socket,
``response`` writes answers, ``poller`` waits for sockets, and ``server`` owns
the threads.  Nothing here knows the API of Qinling.
"""
