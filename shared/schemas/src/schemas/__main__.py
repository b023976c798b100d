"""`python -m schemas generate` writes the JSON Schemas anew."""

import sys

from schemas.generating import FOLDER, generate


def main(arguments: list[str]) -> int:
    """Run the command; the process's exit status."""
    if arguments != ["generate"]:
        sys.stderr.write("usage: python -m schemas generate\n")
        return 2
    generate()
    sys.stdout.write(f"JSON Schemas written to {FOLDER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
