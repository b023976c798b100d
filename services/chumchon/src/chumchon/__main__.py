"""`python -m chumchon`."""

import gc

gc.disable()  # what is imported stays: to look for garbage in it takes two fifths of the start

from chumchon.cli import main  # noqa: E402  # the pause is for this import

gc.freeze()
gc.enable()
main()
