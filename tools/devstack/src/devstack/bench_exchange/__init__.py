"""`python -m devstack.bench_exchange`: how fast the exchange is, beside the simplest thing that carries a record."""
