"""The guard: what uvicorn leaves open between a connection and a request (security.md section 10).

    limits       how long, how much, how many; who is connected
    refusals     what is answered below routing, as a problem like everywhere else
    line         the watch over one connection, whatever reads its bytes
    by_httptools, by_h11   the two readers that uvicorn has, each with what it does not refuse by itself

Uvicorn 0.54 has no limit on the time of a head or a body (1,500 half-open connections were still open after
20 s) and, with httptools, none on a head's size (300 MB were read).
"""

from onenet.guard.limits import Crowd, Limits
from onenet.guard.line import Guard
from onenet.guard.protocols import guarded
from onenet.guard.refusals import refusal

__all__ = ["Crowd", "Guard", "Limits", "guarded", "refusal"]
