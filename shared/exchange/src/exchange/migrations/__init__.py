"""Frozen steps of the exchange's tables. A service's revision calls one: `step_0001.upgrade(op)`.

A step is never changed after its release; the next change is the next step, called by a new revision of each service.
"""
