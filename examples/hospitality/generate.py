#!/usr/bin/env python3
"""Writes events.ndjson: two weeks of a hotel, as its booking site and its desk would have sent them.

What is planted, and why, stands in README.md.

usage: generate.py [FILE]     (standard output where no file is named)
"""

import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from recording import DAY, HOUR, MINUTE, Dice, File  # noqa: E402

SEED = 20260504
START = datetime(2026, 5, 4, tzinfo=timezone.utc)  # a Monday
NAMES = ["Nora", "Victor", "Elise", "Hugo", "Marta", "Pavel", "Irene", "Jonas", "Alma", "Bruno", "Carla", "Dario",
         "Edith", "Fabio", "Gwen", "Henk", "Ines", "Jules", "Kaja", "Luca", "Mona", "Nils", "Olga", "Pietro"]


class Stay:
    """One guest's stay: booked, ready, checked in, checked out, rated."""

    def __init__(self, out, number, name, day, nights):
        self.out, self.number, self.name = out, number, name
        self.user, self.booking = f"g-{2001 + number}", f"b-{5001 + number}"
        self.arrival, self.departure = day * DAY, (day + nights) * DAY

    def track(self, second, name, **properties):
        self.out.track(self.user, second, name, {"booking_id": self.booking, **properties})

    def book(self, second, birthday=False, late_flight=False):
        self.out.identify(self.user, second, {
            "first_name": self.name, "email": f"{self.name.lower()}@guest.example", "locale": "en-GB",
            "time_zone": "Europe/Lisbon"})
        self.track(second + 30, "Room Booked", room_ready_by=self.out.stamp(self.arrival + 15 * HOUR),
                   birthday_in_stay=birthday, departs_late=late_flight)

    def arrive(self, ready, waited):
        self.track(self.arrival + ready, "Room Ready", room=100 + self.number)
        checked_in = max(self.arrival + ready + 5 * MINUTE, self.arrival + 15 * HOUR)
        self.track(checked_in, "Checked In", waited_minutes=waited)
        return checked_in

    def leave(self, hour, stars):
        self.track(self.departure + hour * HOUR, "Checked Out")
        self.track(self.departure + (hour + 5) * HOUR, "Stay Rated", stars=stars)


def ordinary(out, dice, number):
    stay = Stay(out, number, NAMES[number], dice.roll(2, 7), dice.roll(1, 4))
    stay.book(dice.roll(0, DAY))
    stay.arrive(dice.roll(13 * HOUR, 14 * HOUR + 50 * MINUTE), dice.roll(2, 8))
    stay.leave(dice.roll(9, 11), dice.pick([3, 4, 4, 4, 5]))


def birthday(out, number, upgraded):
    """A birthday within the stay: one guest is upgraded, for the other the house is full."""
    stay = Stay(out, number, NAMES[number], 3, 2)
    stay.book(9 * HOUR, birthday=True)
    checked_in = stay.arrive(14 * HOUR, 4)
    if upgraded:
        stay.track(checked_in + 2 * MINUTE, "Room Upgraded", occasion="birthday", classes=2)
    stay.leave(10, 5 if upgraded else 3)


def not_ready(out, number):
    """The room was promised for three o'clock and is ready at half past five."""
    stay = Stay(out, number, NAMES[number], 4, 1)
    stay.book(11 * HOUR)
    stay.arrive(17 * HOUR + 30 * MINUTE, 38)
    stay.leave(9, 2)


def late_check_out(out, number, answered, hours):
    """Flies late, is told that a late check-out can be had, and asks for it."""
    stay = Stay(out, number, NAMES[number], 5, 2)
    stay.book(12 * HOUR, late_flight=True)
    stay.arrive(14 * HOUR + 10 * MINUTE, 5)
    asked = stay.departure - 12 * HOUR
    stay.track(asked, "Late Check-out Asked")
    stay.track(asked + answered, "Late Check-out Answered", hours=hours)
    stay.leave(11 + hours, 5 if hours else 3)


def main():
    out, dice = File(START, "elate-hotel"), Dice(SEED)
    birthday(out, 0, upgraded=True)  # Nora
    not_ready(out, 1)  # Victor
    birthday(out, 2, upgraded=False)  # Elise
    late_check_out(out, 3, 6 * MINUTE, 4)  # Hugo
    late_check_out(out, 4, 4 * HOUR, 0)  # Marta
    for number in range(5, len(NAMES)):
        ordinary(out, dice, number)
    out.write()


main()
