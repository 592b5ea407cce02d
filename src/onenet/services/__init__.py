"""The verbs: one use case, one function, one visible transaction; changes through `advance`."""
