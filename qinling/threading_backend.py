# SPDX-License-Identifier: Apache-2.0
"""Choice of threads for oslo.service, to import before oslo.messaging.

oslo.messaging would choose eventlet.
"""

import sys

# futurist would import an installed eventlet, for a sixth of a start.
sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
CHOSEN = backend.BackendType.THREADING
