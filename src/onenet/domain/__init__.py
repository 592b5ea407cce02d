"""The rules: pure functions over plain data. Standard library only; no clock, no I/O."""
