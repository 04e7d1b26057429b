# SPDX-License-Identifier: Apache-2.0
"""What functions, runtimes and executions are, and what may happen to them.

No HTTP, no bus and no Kubernetes: the engine client, the database and the
storage are handed in.  Each noun is one class whose methods take the request
context first; a method commits before it tells the engine.
"""
