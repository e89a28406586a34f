"""Stores: one connection URL each, many queues. `base.py` is the contract, `memory.py` the contract as readable Python."""
