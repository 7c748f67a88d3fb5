"""The current segment-analytics-python, sending through a proxy that fails first."""

import json
import os
import subprocess
import sys
import unittest
import urllib.request

from segment.analytics.client import Client

from elate_client import ADDRESS, WRITE_KEY, channel, names_on_timeline, unique

PROXY = os.environ["ELATE_FAULT_PROXY"]


class Segment(unittest.TestCase):
    def setUp(self):
        self.proxy = subprocess.Popen([sys.executable, PROXY, ADDRESS], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.proxy.wait)
        self.addCleanup(self.proxy.kill)
        self.addCleanup(self.proxy.stdout.close)
        port = self.proxy.stdout.readline().split()[-1]
        self.host = f"http://127.0.0.1:{port}"

    def faults(self) -> list[int]:
        with urllib.request.urlopen(f"{self.host}/_faults") as answer:
            return json.load(answer)

    def test_every_event_is_on_the_timeline_exactly_once(self):
        for gzip in (False, True):
            with self.subTest(gzip=gzip):
                self.send_and_compare(gzip)

    def send_and_compare(self, gzip: bool):
        failures = []
        user = unique("segment-python")
        client = Client(
            WRITE_KEY,
            host=self.host,
            gzip=gzip,
            upload_size=4,
            upload_interval=0.1,
            max_retries=8,
            on_error=lambda error, _items: failures.append(error),
        )
        client.identify(user, {"plan": "gold"})
        expected = [f"Order {n}" for n in range(10)]
        for name in expected:
            client.track(user, name, {"total": 12.5})
        client.flush()
        client.shutdown()

        self.assertEqual(failures, [])
        self.assertEqual(self.faults()[:3], [500, 429, 0])
        with channel() as open_channel:
            tracked = [name for name in names_on_timeline(open_channel, user) if name.startswith("Order")]
        self.assertEqual(sorted(tracked), sorted(expected))


if __name__ == "__main__":
    unittest.main()
