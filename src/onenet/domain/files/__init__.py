"""Files that people hand in: what each kind is, what is refused and why, and which of its bytes are kept.

Pure functions over a `Source`; nothing is decoded, and nothing that a file says of itself is believed
before it was looked at (security.md section 8).
"""
