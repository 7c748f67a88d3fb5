#!/usr/bin/env python3
"""Writes events.ndjson: ten days of a small gift shop, as its SDKs would have sent them. With --history, history.ndjson:
what the same customers bought in the two years before.

The same seed gives the same bytes on every machine: only integers from one small generator are used. What is planted,
and why, stands in README.md.

usage: generate.py [--history] [FILE]     (standard output where no file is named)
"""

import json
import sys
from datetime import datetime, timedelta, timezone

SEED = 20260306
START = datetime(2026, 3, 1, tzinfo=timezone.utc)  # a Sunday; the promised Friday is the 6th
MINUTE, HOUR, DAY = 60, 3600, 86400


class Dice:
    """A 64-bit linear congruential generator (Knuth's constants)."""

    def __init__(self, seed):
        self.state = seed

    def roll(self, low, high):
        """An integer from low to high, both included."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return low + (self.state >> 33) % (high - low + 1)

    def pick(self, items):
        return items[self.roll(0, len(items) - 1)]

    def chance(self, percent):
        return self.roll(1, 100) <= percent


FIRST_NAMES = {
    "de-AT": ["Anna", "Lukas", "Sophie", "Felix", "Johanna", "Paul", "Lena", "Jakob"],
    "de-DE": ["Emma", "Ben", "Hannah", "Leon", "Clara", "Moritz", "Greta", "Emil"],
    "en-GB": ["Olivia", "Harry", "Amelia", "Oscar", "Isla", "Alfie", "Freya", "Archie"],
    "en-US": ["Ava", "Noah", "Harper", "Liam", "Riley", "Ethan", "Stella", "Owen"],
}
# locale, zone, hours ahead of UTC in that week (before the American change of the 8th, which no planted hour needs)
HOMES = [("de-AT", "Europe/Vienna", 1), ("de-DE", "Europe/Berlin", 1), ("en-GB", "Europe/London", 0),
         ("en-US", "America/New_York", -5)]
PRESENTS = [("lego-castle", "Castle to build", 89), ("tea-set", "Tea set", 54), ("star-projector", "Star projector", 39),
            ("cookbook", "Cookbook", 28), ("board-game", "Board game", 45), ("wool-blanket", "Wool blanket", 119),
            ("headphones", "Headphones", 149), ("puzzle", "Puzzle of 2000 pieces", 32)]


class Customer:
    def __init__(self, number, name, home):
        self.number, self.name = number, name
        self.locale, self.zone, self.ahead = home
        self.user = f"u-{1000 + number}"
        self.device = f"a-{number:04d}-{(number * 7919) % 10007:05d}"
        self.email = f"{name.lower()}.{1000 + number}@example.com"


class File:
    def __init__(self):
        self.events = []
        self.number = 0

    def put(self, kind, customer, second, name=None, known=True, properties=None, traits=None, user=None, device=None):
        self.number += 1
        event = {"type": kind, "messageId": f"m-{self.number:05d}"}
        event["anonymousId"] = device or customer.device
        if known:
            event["userId"] = user or customer.user
        if kind == "track":
            event["event"] = name
        elif name:
            event["name"] = name
        if properties:
            event["properties"] = properties
        if traits:
            event["traits"] = traits
        event["context"] = {"locale": customer.locale, "library": {"name": "analytics.js", "version": "2.1.0"}}
        if customer.zone:
            event["context"]["timezone"] = customer.zone
        event["timestamp"] = stamp(second)
        self.events.append((second, self.number, event))
        return event

    def server(self, customer, second, name, properties):
        """An event of the shop's own systems: no device, no locale."""
        self.number += 1
        event = {"type": "track", "messageId": f"m-{self.number:05d}", "userId": customer.user, "event": name,
                 "properties": properties, "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
                 "timestamp": stamp(second)}
        self.events.append((second, self.number, event))

    def again(self, event, second):
        """The same message once more, as an SDK sends it that saw no answer."""
        self.number += 1
        self.events.append((second, self.number, event))

    def lines(self):
        self.events.sort(key=lambda entry: entry[:2])
        return [json.dumps(event, ensure_ascii=False, separators=(",", ":")) for _, _, event in self.events]


def stamp(second):
    moment = START + timedelta(seconds=second)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{second * 37 % 1000:03d}Z"


def at(day, hour, minute=0, second=0):
    """Seconds since START of a time of day (UTC) in March 2026."""
    return (day - 1) * DAY + hour * HOUR + minute * MINUTE + second


def browse(out, dice, customer, second, slow=False):
    """Anonymous: comes, searches, looks. Returns when it is over, and what was liked."""
    out.put("page", customer, second, "Home", known=False, properties={"path": "/", "referrer": "https://search.example/"})
    second += dice.roll(8, 40)
    out.put("track", customer, second, "Products Searched", known=False, properties={"query": "birthday present"})
    second += dice.roll(170, 260) if slow else dice.roll(15, 95)
    present = dice.pick(PRESENTS)
    out.put("track", customer, second, "Product Viewed", known=False,
            properties={"product_id": present[0], "name": present[1], "price": present[2]})
    if dice.chance(60):
        second += dice.roll(30, 120)
        other = dice.pick(PRESENTS)
        out.put("track", customer, second, "Product Viewed", known=False,
                properties={"product_id": other[0], "name": other[1], "price": other[2]})
    return second + dice.roll(20, 90), present


def login(out, customer, second, device=None, consent=False):
    traits = {"first_name": customer.name, "email": customer.email, "locale": customer.locale}
    if consent:
        traits["wants_invitations"] = True
    out.put("identify", customer, second, traits=traits, device=device)


def order(out, dice, customer, second, present, promised, quick=True):
    """From the basket to the order. Returns the order's id and when it was placed."""
    number = f"o-{7000 + out.number}"
    out.put("track", customer, second, "Checkout Started", properties={"product_id": present[0], "value": present[2]})
    second += dice.roll(70, 260) if quick else dice.roll(700, 1100)
    out.put("track", customer, second, "Order Placed",
            properties={"order_id": number, "total": present[2], "currency": "EUR", "gift": True,
                        "products": [{"product_id": present[0], "quantity": 1}], "promised_at": stamp(promised)})
    return number, second


def afterwards(out, dice, customer, number, delivered):
    """What most people do with a present that came: rate it, sometimes write about it, sometimes answer a survey."""
    second = delivered + dice.roll(2 * HOUR, 20 * HOUR)
    stars = dice.pick([3, 4, 4, 4, 4, 5, 5])
    out.put("track", customer, second, "Item Rated", properties={"order_id": number, "stars": stars})
    if dice.chance(45):
        second += dice.roll(10 * MINUTE, 5 * HOUR)
        out.put("track", customer, second, "Review Submitted",
                properties={"order_id": number, "rating": min(5, stars + dice.roll(0, 1)), "words": dice.roll(12, 140)})
    if dice.chance(50):
        second += dice.roll(HOUR, 12 * HOUR)
        survey(out, customer, second, number, "nps", dice.pick([6, 7, 8, 8, 9, 9, 10]))


def survey(out, customer, second, number, kind, score):
    out.put("track", customer, second, "Survey Answered",
            properties={"survey": f"after-delivery-{kind}", "kind": kind, "score": score, "order_id": number,
                        "submission_id": f"s-{customer.number:04d}-{kind}", "touchpoint": "delivery"})


def ordinary(out, dice, customer):
    """Ordered at the beginning of the week, promised for the end of it, and there in time."""
    day = dice.pick([2, 2, 3, 3, 4])
    second = at(day, 8) - customer.ahead * HOUR + dice.roll(0, 11 * HOUR)
    second, present = browse(out, dice, customer, second, slow=dice.chance(15))
    login(out, customer, second, consent=dice.chance(30))
    promised = at(dice.pick([5, 6, 6]), 18) - customer.ahead * HOUR
    number, placed = order(out, dice, customer, second + dice.roll(15, 60), present, promised, quick=dice.chance(85))
    early = dice.chance(18)
    delivered = promised - (dice.roll(13 * HOUR, 22 * HOUR) if early else dice.roll(1 * HOUR, 9 * HOUR))
    shipped = min(placed + dice.roll(6 * HOUR, 20 * HOUR), promised - 26 * HOUR)
    out.server(customer, shipped, "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    for _ in range(dice.roll(0, 2)):
        out.put("track", customer, dice.roll(shipped + HOUR, delivered - HOUR), "Tracking Viewed",
                properties={"order_id": number, "status": "in_transit"})
    out.server(customer, delivered, "Order Delivered", {"order_id": number, "carrier": "parcel-service", "proof": "door"})
    afterwards(out, dice, customer, number, delivered)


def the_story(out, dice, customer):
    """The birthday gift: promised for Friday, delivered on Monday; apology, replacement, recovery."""
    second = at(1, 19, 12)
    browse(out, dice, customer, second)  # on Sunday evening, nobody knows yet who it is
    second = at(2, 17, 40)
    out.put("track", customer, second, "Product Viewed", known=False,
            properties={"product_id": "lego-castle", "name": "Castle to build", "price": 89})
    login(out, customer, second + 45)
    friday = at(6, 17)  # 18:00 in Vienna
    number, _ = order(out, dice, customer, second + 70, PRESENTS[0], friday)
    for hour, minute in [(8, 5), (18, 30)]:
        out.put("track", customer, at(6, hour, minute), "Tracking Viewed",
                properties={"order_id": number, "status": "label_created"})
    out.server(customer, at(7, 9, 30), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    out.server(customer, at(9, 8, 2), "Replacement Sent",
               {"order_id": number, "carrier": "express", "promised_at": stamp(at(11, 17))})
    delivered = at(9, 9, 10)
    out.server(customer, delivered, "Order Delivered", {"order_id": number, "carrier": "parcel-service", "proof": "none"})
    for minute in [14, 27, 41, 58]:
        out.put("track", customer, at(9, 9, minute, 20), "Tracking Viewed",
                properties={"order_id": number, "status": "delivered"})
    out.put("track", customer, at(9, 10, 6), "Support Chat Started",
            properties={"order_id": number, "wait_seconds": 35, "topic": "where is it"})
    out.put("track", customer, at(9, 10, 31), "Support Chat Ended",
            properties={"order_id": number, "resolved": True, "duration_seconds": 1500})
    out.server(customer, at(10, 9, 20), "Replacement Delivered", {"order_id": number, "carrier": "express", "proof": "hand"})
    out.put("track", customer, at(10, 18, 15), "Item Rated", properties={"order_id": number, "stars": 5})
    survey(out, customer, at(10, 18, 40), number, "nps", 9)
    survey(out, customer, at(10, 18, 41), number, "csat", 5)


def started(out, dice, customer, day, hour, promised):
    """The common beginning of the other planted incidents."""
    second, present = browse(out, dice, customer, at(day, hour))
    login(out, customer, second)
    return order(out, dice, customer, second + 30, present, promised)[0]


def a_little_late(out, dice, customer):
    """Three hours late: the promise is late, the moment is neutral."""
    promised = at(5, 18)
    number = started(out, dice, customer, 2, 12, promised)
    out.server(customer, at(4, 6), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    out.server(customer, promised + 3 * HOUR, "Order Delivered", {"order_id": number, "carrier": "parcel-service"})


def at_risk_and_kept(out, dice, customer):
    """Shipped only nine hours before it was due: at risk, warned of, and kept all the same."""
    promised = at(6, 17)
    number = started(out, dice, customer, 3, 10, promised)
    out.server(customer, at(6, 8), "Order Shipped", {"order_id": number, "carrier": "express"})
    out.server(customer, at(6, 14, 30), "Order Delivered", {"order_id": number, "carrier": "express"})
    afterwards(out, dice, customer, number, at(6, 14, 30))


def cancelled(out, dice, customer):
    """Cancelled before it was due: the promise is withdrawn, nothing is judged."""
    number = started(out, dice, customer, 3, 9, at(6, 17))
    out.put("track", customer, at(4, 11, 5), "Order Cancelled", properties={"order_id": number, "reason": "found another"})


def moved(out, dice, customer):
    """Moved by a day with notice, and delivered by the new date: better than broken, not as good as kept."""
    number = started(out, dice, customer, 2, 13, at(5, 17))
    out.server(customer, at(4, 8), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    out.server(customer, at(4, 15), "Delivery Rescheduled", {"order_id": number, "promised_at": stamp(at(6, 17))})
    out.server(customer, at(6, 9), "Order Delivered", {"order_id": number, "carrier": "parcel-service"})


def never_came(out, dice, customer):
    """Shipped, lost, and still not there when the file ends: broken, the case stays open."""
    number = started(out, dice, customer, 3, 15, at(6, 23))
    out.server(customer, at(4, 14), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    for day, hour in [(7, 14), (8, 16), (9, 13)]:
        out.put("track", customer, at(day, hour, 20), "Tracking Viewed", properties={"order_id": number, "status": "in_transit"})


def a_day_early(out, dice, customer):
    """A day early: magical, a wow."""
    promised = at(6, 18)
    number = started(out, dice, customer, 2, 9, promised)
    out.server(customer, at(3, 7), "Order Shipped", {"order_id": number, "carrier": "express"})
    out.server(customer, promised - 26 * HOUR, "Order Delivered", {"order_id": number, "carrier": "express", "proof": "hand"})
    out.put("track", customer, at(5, 19), "Item Rated", properties={"order_id": number, "stars": 5})
    out.put("track", customer, at(5, 20), "Review Submitted", properties={"order_id": number, "rating": 5, "words": 88})
    survey(out, customer, at(6, 8), number, "nps", 10)


def sent_twice(out, dice, customer):
    """Two messages reach us twice under their own ids: they count once."""
    promised = at(6, 17)
    number = started(out, dice, customer, 2, 16, promised)
    out.server(customer, at(4, 7), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    viewed = out.put("track", customer, at(5, 9), "Tracking Viewed", properties={"order_id": number, "status": "in_transit"})
    out.again(viewed, at(5, 9, 0, 40))
    out.server(customer, at(6, 11), "Order Delivered", {"order_id": number, "carrier": "parcel-service"})
    rated = out.put("track", customer, at(6, 18), "Item Rated", properties={"order_id": number, "stars": 4})
    out.again(rated, at(6, 18, 2))


def shared_device(out, dice, first, second):
    """Two people at one tablet: the anonymous visit belongs to the first who logs in, and to nobody else."""
    number = started(out, dice, first, 3, 17, at(6, 18))
    login(out, second, at(3, 19), device=first.device)
    out.put("track", second, at(3, 19, 4), "Product Viewed", device=first.device,
            properties={"product_id": "puzzle", "name": "Puzzle of 2000 pieces", "price": 32})
    out.server(first, at(5, 6), "Order Shipped", {"order_id": number, "carrier": "parcel-service"})
    out.server(first, at(6, 12), "Order Delivered", {"order_id": number, "carrier": "parcel-service"})


def only_looking(out, dice, customer):
    """Comes, looks, and leaves without a name."""
    browse(out, dice, customer, at(dice.roll(2, 7), dice.roll(8, 20), dice.roll(0, 59)))


def history():
    """Two years of purchases: some customers come often, some seldom, some stop coming, as customers do."""
    dice, lines = Dice(SEED + 1), []
    for number in range(1, 48):
        gap = dice.roll(14, 120)  # days between two purchases, of this customer
        day = -dice.roll(200, 730)
        while day < -1:
            item, name, price = dice.pick(PRESENTS)
            second = day * DAY + dice.roll(8, 20) * HOUR
            lines.append((second, number, {
                "type": "track", "messageId": f"h-{number:04d}-{-day:03d}", "userId": f"u-{1000 + number}",
                "event": "Order Completed",
                "properties": {"total": price * dice.roll(1, 2), "currency": "EUR", "product_id": item, "name": name},
                "context": {"library": {"name": "till", "version": "1.9.0"}}, "timestamp": stamp(second)}))
            if dice.chance(8):  # never comes again
                break
            day += dice.roll(gap // 2, gap * 2)
    lines.sort(key=lambda entry: entry[:2])
    return [json.dumps(event, ensure_ascii=False, separators=(",", ":")) for _, _, event in lines]


def generate():
    dice, out = Dice(SEED), File()
    homes = [(locale, zone, ahead) for locale, zone, ahead in HOMES]

    def customer(number, name=None, home=None):
        home = home or homes[(number * 5) % 7 % 4]
        return Customer(number, name or FIRST_NAMES[home[0]][number % 8], home)

    vienna, london, new_york = homes[0], homes[2], homes[3]
    the_story(out, dice, customer(1, "Mia", vienna))
    a_little_late(out, dice, customer(2, "Tom", london))
    at_risk_and_kept(out, dice, customer(3, "Greta", homes[1]))
    cancelled(out, dice, customer(4, "Oscar", london))
    moved(out, dice, customer(5, "Jakob", vienna))
    never_came(out, dice, customer(6, "Riley", new_york))
    a_day_early(out, dice, customer(7, "Freya", london))
    sent_twice(out, dice, customer(8, "Clara", homes[1]))
    shared_device(out, dice, customer(9, "Lena", vienna), customer(10, "Paul", vienna))
    nowhere = customer(11, "Alex", london)
    nowhere.zone = None  # a browser that does not say where it is
    ordinary(out, dice, nowhere)
    for number in range(12, 48):
        ordinary(out, dice, customer(number))
    for number in range(48, 56):
        only_looking(out, dice, customer(number))
    return out.lines()


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--history"]
    text = "\n".join(history() if "--history" in sys.argv else generate()) + "\n"
    if arguments:
        with open(arguments[0], "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    else:
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
