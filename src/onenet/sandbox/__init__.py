"""The sandbox: a onenet of their own for developers of departments' systems, without a city.

| module | what |
|---|---|
| service | the onenet: real API and callbacks over a SQLite file, with one bundle and one department |
| cases | files cases that say in their form what the department should do with them |
| evidence | what was sent and what came back, task by task |
| door | stands before the callbacks: notes each, and turns some away as onenet does when it is busy |
| calls | hands tasks over: as onenet does, and as nobody should |
| rules, judging | what a department's system keeps to: a table of checks; each judged from the evidence |
| check | `onenet department check`: the run from the first task to the verdicts |
| narrator | tells line by line what happens |
| simulation | `onenet department simulate`: a onenet that stays, with a worker |
"""
