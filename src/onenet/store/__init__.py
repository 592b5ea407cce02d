"""The tables and the statements over them. Nothing here commits but `database.Database`."""
