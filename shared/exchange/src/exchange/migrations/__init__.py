"""Frozen steps of the exchange's tables. A service's revision calls one: `step_0001.upgrade(op)`.

A step is never changed after its release; the next change is the next step, called by a new revision of each service.
"""

from exchange.migrations import step_0001, step_0002, step_0003, step_0004, step_0005, step_0006

STEPS = (step_0001, step_0002, step_0003, step_0004, step_0005, step_0006)
"""All of them, in their order."""
