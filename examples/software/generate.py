#!/usr/bin/env python3
"""Writes events.ndjson: three weeks of a tool for charts, as the tool and its support desk would have sent them.

What is planted, and why, stands in README.md.

usage: generate.py [FILE]     (standard output where no file is named)
"""

import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from recording import DAY, HOUR, MINUTE, Dice, File  # noqa: E402

SEED = 20260907
START = datetime(2026, 9, 7, tzinfo=timezone.utc)  # a Monday
RELEASE = 8 * DAY + 9 * HOUR  # Tuesday, 15 September, 9:00: version 4.2 breaks the export
MENDED = 9 * DAY + 8 * HOUR  # the next morning
NAMES = ["Ida", "Bo", "Asta", "Carl", "Dina", "Emil", "Freja", "Gorm", "Hedda", "Ivar", "Jette", "Knud", "Lone", "Malte",
         "Nanna", "Otto", "Pia", "Rune", "Signe", "Troels", "Ulla", "Vera", "Ylva", "Zenia", "Arne", "Birk", "Cille",
         "Dagny", "Elin", "Frode"]


class User:
    def __init__(self, out, number):
        self.out, self.name, self.user = out, NAMES[number], f"s-{3001 + number}"
        self.goals = 0

    def track(self, second, name, **properties):
        self.out.track(self.user, second, name, properties)

    def sign_up(self, second, wants_tips):
        self.out.identify(self.user, second, {
            "first_name": self.name, "email": f"{self.name.lower()}@work.example", "locale": "da-DK",
            "time_zone": "Europe/Copenhagen", "wants_tips": wants_tips})
        self.track(second + 20, "Signed Up", plan="trial")

    def first_chart(self, second):
        self.track(second, "Feature Used", feature="chart")

    def goal(self, second, minutes):
        self.goals += 1
        self.track(second, "Goal Reached", goal_id=f"{self.user}-{self.goals}", goal="report sent", minutes=minutes)

    def error(self, second, code):
        self.track(second, "Error Shown", code=code, feature="export", version="4.2")


def ordinary(out, dice, number):
    user = User(out, number)
    begin = dice.roll(0, 2 * DAY) // DAY * DAY + 7 * HOUR + dice.roll(0, 8 * HOUR)
    user.sign_up(begin, wants_tips=dice.chance(50))
    user.first_chart(begin + dice.roll(10 * MINUTE, 20 * HOUR))
    for _ in range(dice.roll(1, 3)):
        user.goal(dice.roll(4, 18) * DAY + dice.roll(8 * HOUR, 16 * HOUR), dice.roll(18, 42))
    return user


def quick(out):
    """Ida: her first chart within the hour, her first report in four minutes."""
    user = User(out, 0)
    user.sign_up(8 * HOUR, wants_tips=True)
    user.first_chart(8 * HOUR + 40 * MINUTE)
    user.goal(2 * DAY + 10 * HOUR, 4)


def slow(out):
    """Bo: signs up and does nothing; two days later he is shown how, and on the fifth day he makes a chart."""
    user = User(out, 1)
    user.sign_up(9 * HOUR, wants_tips=False)
    user.first_chart(5 * DAY + 10 * HOUR)
    user.goal(11 * DAY + 9 * HOUR, 35)


def waiting(out):
    """Asta asks the support desk, which promised an answer within four hours and gives it the next day."""
    user = User(out, 2)
    user.sign_up(10 * HOUR, wants_tips=False)
    user.first_chart(11 * HOUR)
    asked = 3 * DAY + 9 * HOUR
    user.track(asked, "Ticket Opened", ticket_id="t-1", answer_by=out.stamp(asked + 4 * HOUR))
    user.track(asked + 26 * HOUR, "Ticket Answered", ticket_id="t-1")


def two_different(out, dice, number):
    """Two errors, but not the same one: annoying, and not what the moment means."""
    user = ordinary(out, dice, number)
    user.error(12 * DAY + 9 * HOUR, "E-100")
    user.error(12 * DAY + 10 * HOUR, "E-200")


def main():
    out, dice = File(START, "plotline"), Dice(SEED)
    quick(out)
    slow(out)
    waiting(out)
    two_different(out, dice, 3)
    for number in range(4, len(NAMES)):
        user = ordinary(out, dice, number)
        # The release of Tuesday: a third of the customers export that day, see the error, and try again.
        if number % 3 == 0:
            second = dice.roll(RELEASE + HOUR, MENDED - 12 * HOUR)
            user.error(second, "E-417")
            user.error(second + dice.roll(MINUTE, 3 * HOUR), "E-417")
    out.write()


main()
