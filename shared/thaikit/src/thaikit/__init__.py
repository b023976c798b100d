"""Thai itself: text, names, calendar, numbers and search, for services that know nothing of each other.

`thaikit.text`, `thaikit.names`, `thaikit.calendar` and `thaikit.numbers` are pure. Only `thaikit.search` knows a
database.
"""

import os

# pythainlp reads these when it is imported, which no module of this package does before this one has run:
# it neither makes a data folder in the home of the service's user nor looks for corpora on the network.
os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")
os.environ.setdefault("PYTHAINLP_OFFLINE", "1")
