"""``aats bench``: the suite of docs/performance.md, each row beside its reference in the same run.

For: one command that reproduces every number of that page, on any machine.  Not a test: a slow machine misses goals and the status is 0 all the same
(`--check` is for CI, and looks at ratios only).

    table.py      the rows: what is measured, goal, aim, reference, where it is measured
    checkout.py   the C programs of tests/bench, built from the checkout beside this package
    context.py    what a row is given: cores, folders, programs, children that end with it
    child.py      the process in which a row of Python runs
    run.py        repeats, in turn; what came out of each
    judge.py      medians, ratios, goals
    machine.py    what a figure depends on: processor, kernel, Python, compiler, the host's jitter in this run
    show.py       the table for people; two runs beside each other
    page.py       the tables of docs/performance.md from a report
    frames.py     frames files: the traffic of servers, parsers and peers
    source.py     a feed without a venue, for rows that begin at shared memory
    command.py    the command line
    rows/         rows that need Python: one module each, `run(ctx)`
    peers/        the other libraries of ``--peers``

Rows measured in C are programs of tests/bench and need the checkout; without it they say so and which command brings it.
"""
