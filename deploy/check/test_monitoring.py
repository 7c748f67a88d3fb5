"""Alert rules and dashboard: valid, tested, and about metrics that exist."""

import json
import pathlib
import re
import subprocess
import unittest

import yaml

from monitoring import declared, unknown_names

DEPLOY = pathlib.Path(__file__).resolve().parents[1]
PROMETHEUS = DEPLOY / "prometheus"


def promtool(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)


class Prometheus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rules = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())
        cls.alerts = [rule for group in rules["groups"] for rule in group["rules"]]

    def test_the_configuration_is_valid(self):
        done = promtool("check", "config", "prometheus.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_rules_behave_as_their_tests_say(self):
        done = promtool("test", "rules", "alerts_test.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_alert_is_tested_firing_and_quiet(self):
        cases = yaml.safe_load((PROMETHEUS / "alerts_test.yaml").read_text())["tests"]
        checks = [check for case in cases for check in case["alert_rule_test"]]
        for alert in self.alerts:
            outcomes = {bool(check.get("exp_alerts")) for check in checks if check["alertname"] == alert["alert"]}
            self.assertEqual(outcomes, {True, False}, alert["alert"])

    def test_every_alert_says_what_to_do(self):
        for alert in self.alerts:
            self.assertIn(alert["labels"]["severity"], ("page", "ticket"))
            self.assertTrue(alert["annotations"]["summary"])
            self.assertTrue(alert["annotations"]["action"])

    def test_alerts_ask_for_metrics_that_exist(self):
        series = declared()
        for alert in self.alerts:
            self.assertEqual(unknown_names(alert["expr"], series), [], alert["alert"])

    def test_scraped_ports_are_those_of_compose(self):
        scraped = {
            target
            for job in yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text())["scrape_configs"]
            for group in job["static_configs"]
            for target in group["targets"]
        }
        services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        listening = {
            f"{name}:{service['environment'][key].rsplit(':', 1)[1]}"
            for name, service in services.items()
            for key in service.get("environment", {})
            if key.endswith("ADMIN_LISTEN")
        }
        self.assertEqual(scraped, listening)


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboard = json.loads((DEPLOY / "grafana/elate.json").read_text())

    def test_queries_ask_for_metrics_that_exist(self):
        series = declared()
        for panel in self.dashboard["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$__rate_interval", "5m").replace("$service", "events")
                self.assertEqual(unknown_names(query, series), [], panel["title"])

    def test_panels_have_a_meaning_a_unit_and_a_place_of_their_own(self):
        taken = set()
        for panel in self.dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24)
            taken |= cells
            if panel["type"] != "row":
                self.assertTrue(panel["description"], panel["title"])
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])


class Checker(unittest.TestCase):
    """The checker finds what it is for."""

    SERIES = {"up": {"job"}, "rpc_total": {"code", "job"}}

    def test_unknown_metrics_and_labels_are_found(self):
        self.assertEqual(unknown_names('sum by (job) (rate(rpc_total{code!="OK"}[5m])) > 0.5 and up == 0', self.SERIES), [])
        self.assertEqual(unknown_names("rate(rpc_totals[5m])", self.SERIES), ["rpc_totals"])
        self.assertEqual(unknown_names('rpc_total{kode="OK"}', self.SERIES), ["rpc_total{kode}"])
        self.assertEqual(unknown_names("sum by (shop) (rpc_total)", self.SERIES), ["by shop"])

    def test_declarations_are_read(self):
        self.assertTrue(any(re.fullmatch("rpc_server_duration_seconds_bucket", name) for name in declared()))


if __name__ == "__main__":
    unittest.main()
