"""onenet: one thing, stated once, carried through every department it needs."""

__version__ = "0.1.0"
