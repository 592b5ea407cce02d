"""The tables and the statements over them. Nothing here commits but `database.Database`."""

# The metadata knows every table, whichever module of the store is loaded first.
from onenet.store import access_tables as access_tables
from onenet.store import catalogue_tables as catalogue_tables
from onenet.store import document_tables as document_tables
from onenet.store import draft_tables as draft_tables
from onenet.store import erasure_tables as erasure_tables
from onenet.store import exchange as exchange
from onenet.store import health_tables as health_tables
from onenet.store import log_tables as log_tables
from onenet.store import operating_tables as operating_tables
from onenet.store import opinion_tables as opinion_tables
from onenet.store import rating_tables as rating_tables
from onenet.store import ticket_tables as ticket_tables
