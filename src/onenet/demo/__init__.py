"""`onenet demo`: a whole city on one machine: real processes, real HTTP, simulated departments.

    this process      the applicant's front-end, the officer, the subscriber of webhooks, the table
    `onenet serve`    API and worker, on SQLite in the demo's folder
    `onenet.simulator`  one process for each department of `city`

Everything listens on 127.0.0.1 alone.
"""

from onenet.demo.run import Choices, run

__all__ = ["Choices", "run"]
