"""`python -m devstack.bench_exchange`: how fast the exchange is, beside the simplest thing that could carry a record."""
