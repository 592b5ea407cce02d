"""Pages for people, drawn by the server over services: they work without JavaScript."""
