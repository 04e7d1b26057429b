# SPDX-License-Identifier: Apache-2.0
"""Functions, runtimes, executions and triggers: their rules.

The packages ``trigger > execution > function > runtime`` stand on the modules
of this package, and import downwards only.  HTTP, the message bus and
Kubernetes do not belong here: engine client, database and storage are passed
in.  Each noun is a class, and its methods take the request context first; a
method commits before a call to the engine.
"""
