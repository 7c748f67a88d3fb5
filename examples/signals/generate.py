#!/usr/bin/env python3
"""Writes events.ndjson: for each signal a customer who gives it (`hit-…`) and one who nearly does (`near-…`)."""

import json
from datetime import datetime, timedelta, timezone

START = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
lines = []


def track(user, after, event, **properties):
    lines.append((START + after, user, event, properties))


def minutes(count):
    return timedelta(minutes=count)


def days(count):
    return timedelta(days=count)


def seconds(count):
    return timedelta(seconds=count)


# Twice within seven days, and twice in eight.
for user, later in [("hit-contact", days(6)), ("near-contact", days(8))]:
    track(user, minutes(0), "Support Contacted", topic="delivery")
    track(user, later, "Support Contacted", topic="delivery")

# Four clicks on one thing within two seconds; four clicks in six seconds, and four on different things.
for click in range(4):
    track("hit-rage", seconds(click * 0.5), "Element Clicked", element="save")
    track("near-rage-slow", seconds(click * 2), "Element Clicked", element="save")
    track("near-rage-spread", seconds(click * 0.5), "Element Clicked", element=f"tab-{click}")

# An error and nothing more, and an error after which somebody went on.
for user in ["hit-error", "near-error"]:
    track(user, minutes(5), "Error Shown", code="E-17")
track("near-error", minutes(12), "Checkout Completed", order_id="o-1")

# Three looks in a day, and three in three.
for look in range(3):
    track("hit-status", minutes(120 * look), "Status Page Viewed")
    track("near-status", days(look), "Status Page Viewed")

# Four and a half seconds, and three and a half.
track("hit-slow", minutes(1), "Page Loaded", path="/cart", load_ms=4500)
track("near-slow", minutes(1), "Page Loaded", path="/cart", load_ms=3500)

# Nothing after onboarding, and a first use on the sixth day.
for user in ["hit-silent", "near-silent"]:
    track(user, minutes(10), "Onboarding Completed")
track("near-silent", days(6), "Feature Used", feature="chart")

lines.sort(key=lambda line: (line[0], line[1]))
for number, (time, user, event, properties) in enumerate(lines):
    print(
        json.dumps(
            {
                "type": "track",
                "messageId": f"m-{number:03}",
                "userId": user,
                "event": event,
                "properties": properties,
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03}Z",
            },
            separators=(",", ":"),
        )
    )
