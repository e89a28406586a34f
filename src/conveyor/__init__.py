"""conveyor runs background jobs for Python programs: push work now, run it later, lose nothing, see everything."""

__version__ = "0.1.0"
