"""The demonstration: a story through every channel, or a file of real complaints, over HTTP."""

from devstack.demo.command import demo as demo
