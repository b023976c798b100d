"""Asks one URL and exits 0 when it is well: the health check of an image that has no curl."""

import sys
import urllib.error
import urllib.request


def main(url: str) -> int:
    """0 when `url` answers 200, else 1."""
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:  # noqa: S310  # the URL is the image's own
            return 0 if answer.status == 200 else 1  # noqa: PLR2004  # HTTP OK
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
