# SPDX-License-Identifier: Apache-2.0
"""Programs: read the configuration, and construct and connect components.

The package contains no business rules.
"""

import gc

# Imports create hundreds of thousands of objects that stay.  Looking for
# garbage among them took a quarter of the processor time of a start.
_THRESHOLDS = gc.get_threshold()
gc.set_threshold(100_000)


def finish_imports() -> None:
    """Return to the ordinary thresholds; never look at imports again."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
