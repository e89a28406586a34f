"""Stores: one connection URL each, many queues. `base.py` is the contract, `memory/` shows it as readable Python."""
