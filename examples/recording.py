"""What the generators of examples share: dice that fall the same everywhere, and a file of messages as SDKs send them."""

import json
import sys
from datetime import timedelta

MINUTE, HOUR, DAY = 60, 3600, 86400


class Dice:
    """A 64-bit linear congruential generator (Knuth's constants); only integers, so the same on every machine."""

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


class File:
    """Messages in order of time. Seconds count from `start`; log time is the message's own."""

    def __init__(self, start, library):
        self.start, self.library = start, library
        self.events = []

    def stamp(self, second):
        moment = self.start + timedelta(seconds=second)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{second * 37 % 1000:03d}Z"

    def identify(self, user, second, traits):
        self._put({"type": "identify", "userId": user, "traits": traits}, second)

    def track(self, user, second, name, properties):
        self._put({"type": "track", "userId": user, "event": name, "properties": properties}, second)

    def _put(self, event, second):
        number = len(self.events) + 1
        event = {"type": event.pop("type"), "messageId": f"m-{number:05d}", **event}
        event["context"] = {"library": {"name": self.library, "version": "1.0.0"}}
        event["timestamp"] = self.stamp(second)
        self.events.append((second, number, event))

    def write(self):
        """Writes to the file named on the command line, or else to standard output."""
        self.events.sort(key=lambda entry: entry[:2])
        lines = [json.dumps(event, ensure_ascii=False, separators=(",", ":")) for _, _, event in self.events]
        text = "\n".join(lines) + "\n"
        if len(sys.argv) > 1:
            with open(sys.argv[1], "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        else:
            sys.stdout.buffer.write(text.encode())
