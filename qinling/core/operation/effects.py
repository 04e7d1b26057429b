# SPDX-License-Identifier: Apache-2.0
"""What a batch of an operation has done."""

import collections
import dataclasses

from qinling.core.execution import records


@dataclasses.dataclass
class Effects:
    """What an action has done to a batch.

    ``count`` executions were met; the others wait for what ``wait`` says.
    """

    count: int
    done: int = 0
    different: int = 0
    wait: str | None = None
    #: Whether executions of a replay run.
    is_polling: bool = False
    skipped: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter)
    #: For the engine, after the commit.
    reruns: list[records.NewExecution] = dataclasses.field(
        default_factory=list)
    cancelled_ids: list[str] = dataclasses.field(default_factory=list)

    def add_comparison(self, compared: 'Effects') -> None:
        """Add the effects of a comparison, whose executions were met before.
        """
        self.done, self.different = compared.done, compared.different
        self.skipped += compared.skipped
        self.is_polling = compared.is_polling or bool(self.reruns)
