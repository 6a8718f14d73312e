"""Benchmarks, each beside the peers it is compared with; run from the clone as `python -m bench.<name>`."""
