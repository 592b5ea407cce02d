"""Adapters: one department system's words each, the transport that drives them, and their proofs."""
