"""What compose.yaml promises: every reference leads somewhere, and the services are confined."""

import pathlib
import re
import unittest

import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[1]
OURS = ("events", "journeys", "scoring", "notifications")

# The keys of a service that this file may use: compose ignores unknown keys of its own extensions only, but a
# misspelt key is easily read over.
SERVICE_KEYS = {
    "image", "build", "command", "environment", "ports", "depends_on", "volumes", "healthcheck", "networks", "user",
    "read_only", "cap_drop", "security_opt", "restart", "stop_grace_period",
}  # fmt: skip


def problems(compose: dict) -> list[str]:
    """Every reference that leads nowhere and every service that is not confined."""
    found = []
    services = compose["services"]
    for name, service in services.items():
        found += [f"{name}: unknown key {key}" for key in service.keys() - SERVICE_KEYS]
        found += [f"{name}: no network {network}" for network in service.get("networks", []) if network not in compose["networks"]]
        for dependency, condition in service.get("depends_on", {}).items():
            other = services.get(dependency)
            if other is None:
                found.append(f"{name}: depends on {dependency}, which is not there")
            elif condition["condition"] == "service_healthy" and "healthcheck" not in other:
                found.append(f"{name}: waits for the health of {dependency}, which has no check")
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                found.append(f"{name}: port {port} is open to the network")
        for value in service.get("environment", {}).values():
            for host, port in re.findall(r"(?:@|://)([a-z]+):(\d+)", str(value)):
                if host not in services:
                    found.append(f"{name}: names the host {host}, which is not there")
                elif host in OURS and f"0.0.0.0:{port}" != services[host]["environment"]["ELATE_LISTEN"]:
                    found.append(f"{name}: {host} does not listen on {port}")
    return found


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = (DEPLOY / "compose.yaml").read_text()
        cls.compose = yaml.safe_load(cls.text)
        cls.services = cls.compose["services"]

    def test_every_reference_leads_somewhere(self):
        self.assertEqual(problems(self.compose), [])

    def test_broken_references_are_found(self):
        broken = yaml.safe_load(self.text)
        broken["services"]["events"]["depends_on"]["nobody"] = {"condition": "service_started"}
        broken["services"]["scoring"]["environment"]["ELATE_EVENTS__URL"] = "http://events:1"
        broken["services"]["redis"]["command_line"] = "x"
        self.assertEqual(len(problems(broken)), 3)

    def test_each_service_is_migrated_before_it_serves(self):
        for name in OURS:
            migration, service = self.services[f"{name}-migrate"], self.services[name]
            self.assertEqual((migration["command"], service["command"]), (["migrate"], ["serve"]))
            self.assertEqual(service["depends_on"][f"{name}-migrate"], {"condition": "service_completed_successfully"})
            for key in ("ELATE_DATABASE__URL", "ELATE_SERVICE_TOKEN"):
                self.assertEqual(migration["environment"][key], service["environment"][key])

    def test_each_service_has_its_own_database_and_it_is_created(self):
        created = re.findall(r"CREATE DATABASE (\w+);", (DEPLOY / "compose/create-databases.sql").read_text())
        used = [self.services[name]["environment"]["ELATE_DATABASE__URL"].rsplit("/", 1)[1] for name in OURS]
        self.assertEqual(used, created)
        self.assertEqual(len(set(used)), len(OURS))

    def test_ours_are_confined(self):
        for name in OURS:
            for service in (self.services[name], self.services[f"{name}-migrate"]):
                self.assertIs(service["read_only"], True)
                self.assertEqual(service["cap_drop"], ["ALL"])
                self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                self.assertTrue(service["user"].startswith("65532"))

    def test_builds_use_the_one_dockerfile(self):
        for name in OURS:
            build = self.services[name]["build"]
            self.assertTrue((DEPLOY / build["context"] / build["dockerfile"]).is_file())
            self.assertEqual(build["args"], {"BIN": f"elate-{name}"})

    def test_simulation_is_confined_and_keeps_nothing(self):
        simulation = self.services["simulation"]
        self.assertEqual(simulation["command"], ["serve-simulation"])
        self.assertEqual((simulation["read_only"], simulation["cap_drop"]), (True, ["ALL"]))
        self.assertNotIn("ELATE_DATABASE__URL", simulation["environment"])
        self.assertEqual(
            simulation["environment"]["ELATE_SERVICE_TOKEN"], self.services["events"]["environment"]["ELATE_SERVICE_TOKEN"]
        )

    def test_mounted_files_are_there(self):
        for service in self.services.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                there = (DEPLOY / source).exists() if source.startswith(".") else source in self.compose["volumes"]
                self.assertTrue(there, volume)


if __name__ == "__main__":
    unittest.main()
