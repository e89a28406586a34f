"""How conveyor compares with the libraries that people would take instead: `python -m benchmarks.compare`."""
