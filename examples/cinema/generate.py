#!/usr/bin/env python3
"""Writes events.ndjson: a week of a cinema: car park, kitchen, halls and films, each with its own system.

What is planted, and why, stands in README.md.

usage: generate.py [FILE]     (standard output where no file is named)
"""

import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from recording import DAY, HOUR, MINUTE, Dice, File  # noqa: E402

SEED = 20261116
START = datetime(2026, 11, 16, tzinfo=timezone.utc)  # a Monday
DIRTY_HALL, DIRTY_FROM = "hall-3", 4 * DAY  # from Friday on the cleaners forget it
FILMS = [("The Long Ferry", 4), ("Salt and Paper", 4), ("Nine Bridges", 5)]
HALLS = ["hall-1", "hall-2", "hall-3", "hall-4"]
VISITS = 160


def visit(out, dice, number):
    guest, key = f"c-{4001 + number % 120}", f"v-{6001 + number}"
    day = number * 7 // VISITS
    film, good = dice.pick(FILMS)
    hall = dice.pick(HALLS)
    begins = day * DAY + dice.pick([17, 18, 20, 21]) * HOUR
    dirty = hall == DIRTY_HALL and begins >= DIRTY_FROM

    def track(second, name, **properties):
        out.track(guest, second, name, {"visit_id": key, **properties})

    bought = begins - dice.roll(3 * HOUR, 40 * HOUR)
    if number < 120:
        out.identify(guest, bought - MINUTE, {"first_name": f"Guest {number + 1}", "email": f"{guest}@mail.example",
                                              "time_zone": "Europe/Madrid"})
    track(bought, "Ticket Bought", film=film, hall=hall)
    if dice.chance(70):
        track(begins - 25 * MINUTE, "Parked", search_minutes=dice.roll(1, 7))
    if dice.chance(80):
        track(begins - 12 * MINUTE, "Food Served", wait_minutes=dice.roll(2, 8))
    track(begins, "Seat Taken", hall=hall)
    ends = begins + 2 * HOUR
    track(ends + 5 * MINUTE, "Hall Rated", hall=hall, clean=dice.roll(1, 2) if dirty else dice.pick([4, 4, 4, 5, 5, 3]))
    track(ends + 6 * MINUTE, "Film Rated", film=film, stars=max(1, min(5, good + dice.pick([-1, 0, 0, 0, 1]))))
    if dice.chance(30):
        track(ends + dice.roll(HOUR, 12 * HOUR), "Review Submitted", rating=2 if dirty else dice.pick([3, 4, 4, 5]))


def main():
    out, dice = File(START, "elate-cinema"), Dice(SEED)
    for number in range(VISITS):
        visit(out, dice, number)
    out.write()


main()
