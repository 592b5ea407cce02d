"""A simulated department in a process of its own: takes signed tasks, calls back, and has its habits.

    onenet department stand-in --department police --habit slow --dialect webhook --port 0 \\
        --callback http://127.0.0.1:8000/v1/callbacks/police --secret whsec_… --folder /tmp/departments

`habits` says what it does with a task, `dialects` in whose words, `ledger` what it remembers across a
kill -9, `sender` how it calls back, `server` how it is reached; where it is not, `fetcher` how it fetches and
`swapper` how it swaps rows. With `--dialect open311` it is a GeoReport v2 server: `georeport`, with its
memory `register` and its hand `paper`. Standard library only, but for `swapper`, so that a city of
departments starts in a second.
"""
