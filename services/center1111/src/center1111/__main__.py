"""`python -m center1111`."""

import gc

gc.disable()  # what is imported stays: to look for garbage in it takes two fifths of the start

from center1111.cli import main  # noqa: E402  # the pause is for this import

gc.freeze()
gc.enable()
main()
