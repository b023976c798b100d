"""Files that people send: their kind told by content, their metadata removed, scanned, and kept in an object store."""
