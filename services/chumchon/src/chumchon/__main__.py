"""`python -m chumchon`."""

from chumchon.cli import main

main()
