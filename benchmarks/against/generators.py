# SPDX-License-Identifier: BSL-1.0
"""Python's own generators. Without arguments it lists its rows, with one it prints the seconds of one step."""
import sys
import time

STEPS = 1_000_000


def count_to(end):
    for i in range(end):
        yield i


def delegate(depth, end):
    if depth == 0:
        for i in range(end):
            yield i
    else:
        yield from delegate(depth - 1, end)


def step(generator):
    begin = time.process_time()
    for _ in generator:
        pass
    return (time.process_time() - begin) / STEPS


ROWS = {
    "generator_step": lambda: step(count_to(STEPS)),
    "generator_nested": lambda: step(delegate(4, STEPS)),
}

if len(sys.argv) < 2:
    print(*ROWS, sep="\n")
else:
    print(ROWS[sys.argv[1]]())
