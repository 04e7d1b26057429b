# SPDX-License-Identifier: Apache-2.0
"""Prices of executions."""

import dataclasses

from oslo_config import cfg

_MILLION = 10 ** 6


@dataclasses.dataclass(frozen=True)
class Prices:
    """Prices of a GB-second and of an execution, in ``currency``."""

    gb_second: float
    execution: float
    currency: str

    def __bool__(self) -> bool:
        """Return whether executions cost anything."""
        return bool(self.gb_second or self.execution)

    def cost(self, count: int, gb_seconds: float) -> float:
        """Return the cost of executions."""
        return self.gb_second * gb_seconds + self.execution * count


def read_prices(conf: cfg.ConfigOpts) -> Prices:
    """Return the present prices; a reload of the options changes them."""
    options = conf.cost
    return Prices(options.gb_second_price,
                  options.million_executions_price / _MILLION,
                  options.currency)
