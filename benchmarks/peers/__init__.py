"""One small adapter a library; each runs in an environment of its own, without anything of the benchmarks."""
