"""What the Helm chart promises, asked of its rendered output."""

import copy
import os
import subprocess
import tempfile
import unittest

import kubernetes_validate
import yaml

from chart import CHART, SERVICES, VALUES, Refused, containers, helm, named, of_kind, pods, render, selects

# The oldest Kubernetes that the chart names, and the newest whose schemas are at hand.
KUBERNETES = ("1.27", "1.37")


class EveryRendering(unittest.TestCase):
    """Holds for every set of values."""

    @classmethod
    def setUpClass(cls):
        cls.rendered = [render(values) for values in VALUES.values()]

    def each(self):
        return self.rendered

    def test_helm_lints_it_strictly(self):
        for name, values in VALUES.items():
            with self.subTest(values=name):
                self.assertIn("0 chart(s) failed", helm("lint", "--strict", str(CHART), values=values))

    def test_every_document_is_valid_kubernetes(self):
        for documents in self.each():
            self.assertGreater(len(documents), 15)
            for document in documents:
                for version in KUBERNETES:
                    kubernetes_validate.validate(document, version, strict=True)

    def test_the_validator_does_refuse(self):
        document = copy.deepcopy(of_kind(render(), "Deployment")[0])
        document["spec"]["template"]["spec"]["containers"][0]["readOnlyRootFilesystem"] = True
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, KUBERNETES[-1], strict=True)

    def test_kubectl_reads_it(self):
        for documents in self.each():
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump_all(documents, file)
                file.flush()
                done = subprocess.run(
                    [os.environ["ELATE_CHECK_KUBECTL"], "label", "--local", "-f", file.name, "seen=yes", "-o", "name"],
                    capture_output=True,
                    text=True,
                    check=True,
                )
            self.assertEqual(len(done.stdout.split()), len(documents))

    def test_pods_have_no_rights(self):
        for documents in self.each():
            for name, template in pods(documents):
                with self.subTest(pod=name):
                    self.assert_no_rights(template)

    def assert_no_rights(self, template):
        spec = template["spec"]
        self.assertIs(spec["automountServiceAccountToken"], False)
        self.assertIs(spec["enableServiceLinks"], False)
        self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(key, spec)
        for volume in spec["volumes"]:
            self.assertNotIn("hostPath", volume)
        for container in containers(template):
            context = container["securityContext"]
            self.assertIs(context["allowPrivilegeEscalation"], False)
            self.assertIs(context["readOnlyRootFilesystem"], True)
            self.assertIs(context["runAsNonRoot"], True)
            self.assertIs(context["privileged"], False)
            self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
            self.assertIn("requests", container["resources"])
            self.assertIn("memory", container["resources"]["limits"])

    def test_service_accounts_carry_no_token(self):
        for documents in self.each():
            accounts = {account["metadata"]["name"]: account for account in of_kind(documents, "ServiceAccount")}
            for account in accounts.values():
                self.assertIs(account["automountServiceAccountToken"], False)
            for _name, template in pods(documents):
                self.assertIn(template["spec"]["serviceAccountName"], accounts)

    def test_each_service_reaches_its_own_pods_and_no_others(self):
        for documents in self.each():
            for service in SERVICES:
                spec = named(documents, "Service", f"shop-{service}")["spec"]
                chosen = [name for name, template in pods(documents) if selects(spec["selector"], template)]
                self.assertEqual(chosen, [f"Deployment shop-{service}"])
                ports = named(documents, "Deployment", f"shop-{service}")["spec"]["template"]["spec"]["containers"][0]["ports"]
                self.assertEqual({port["targetPort"] for port in spec["ports"]}, {port["name"] for port in ports})

    def test_selectors_match_their_templates(self):
        for documents in self.each():
            for deployment in of_kind(documents, "Deployment"):
                self.assertTrue(selects(deployment["spec"]["selector"]["matchLabels"], deployment["spec"]["template"]))

    def test_probes_use_grpc_on_the_served_port(self):
        for documents in self.each():
            for deployment in of_kind(documents, "Deployment"):
                container = deployment["spec"]["template"]["spec"]["containers"][0]
                served = {port["name"]: port["containerPort"] for port in container["ports"]}
                self.assertEqual(container["readinessProbe"]["grpc"], {"port": served["grpc"]})
                self.assertEqual(container["startupProbe"]["grpc"], {"port": served["grpc"]})
                self.assertEqual(container["livenessProbe"]["httpGet"], {"path": "/healthz", "port": "admin"})

    def test_pods_wait_for_the_schema_that_a_job_brings(self):
        for documents in self.each():
            for service in SERVICES:
                spec = named(documents, "Deployment", f"shop-{service}")["spec"]["template"]["spec"]
                waits = spec["initContainers"][0]
                jobs = [job for job in of_kind(documents, "Job") if job["metadata"]["name"].startswith(f"shop-{service}-migrate-")]
                self.assertEqual(len(jobs), 1)
                migrates = jobs[0]["spec"]["template"]["spec"]["containers"][0]
                self.assertEqual((waits["args"][0], migrates["args"][0]), ("wait-for-db", "migrate"))
                self.assertEqual(spec["containers"][0]["args"][0], "serve")
                for container in (waits, migrates):
                    self.assertEqual(container["image"], spec["containers"][0]["image"])
                    self.assertEqual(container["env"], spec["containers"][0]["env"])

    def test_configuration_agrees_with_the_ports_and_names_around_it(self):
        for documents in self.each():
            events_port = named(documents, "Service", "shop-events")["spec"]["ports"][0]["port"]
            for service in SERVICES:
                config = yaml.safe_load(named(documents, "ConfigMap", f"shop-{service}")["data"]["config.yaml"])
                ports = named(documents, "Deployment", f"shop-{service}")["spec"]["template"]["spec"]["containers"][0]["ports"]
                self.assertEqual(config["listen"], f"0.0.0.0:{ports[0]['containerPort']}")
                self.assertEqual(config["admin_listen"], f"0.0.0.0:{ports[1]['containerPort']}")
                if service != "events":
                    self.assertEqual(config["events"]["url"], f"http://shop-events:{events_port}")

    def test_only_events_knows_redis(self):
        for documents in self.each():
            for name, template in pods(documents):
                for container in containers(template):
                    names = [variable["name"] for variable in container["env"]]
                    self.assertEqual("ELATE_REDIS__URL" in names, "shop-events" in name, name)

    def test_a_stop_ends_before_kubernetes_kills(self):
        for documents in self.each():
            for service in SERVICES:
                config = yaml.safe_load(named(documents, "ConfigMap", f"shop-{service}")["data"]["config.yaml"])
                grace = int(config["stop"]["grace"].removesuffix("s"))
                spec = named(documents, "Deployment", f"shop-{service}")["spec"]["template"]["spec"]
                self.assertEqual(grace, spec["terminationGracePeriodSeconds"] - 5)

    def test_addresses_with_passwords_come_from_secrets_only(self):
        for documents in self.each():
            self.assertEqual(of_kind(documents, "Secret"), [])
            for _name, template in pods(documents):
                for container in containers(template):
                    for variable in container["env"]:
                        if variable["name"].startswith("ELATE_"):
                            self.assertIn("secretKeyRef", variable["valueFrom"])


class Details(unittest.TestCase):
    """What single values do."""

    def test_a_new_version_is_a_new_migration_and_the_same_is_the_same(self):
        def job_names(values):
            return sorted(job["metadata"]["name"] for job in of_kind(render(values), "Job"))

        self.assertEqual(job_names({}), job_names({}))
        self.assertEqual(len(job_names({})), 4)
        self.assertFalse(set(job_names({})) & set(job_names({"image": {"tag": "2"}})))

    def test_a_changed_configuration_rolls_only_the_pods_of_its_service(self):
        def annotations(values):
            return {
                deployment["metadata"]["name"]: deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
                for deployment in of_kind(render(values), "Deployment")
            }

        before, after = annotations({}), annotations({"services": {"scoring": {"config": {"extra": 1}}}})
        self.assertEqual([name for name in before if before[name] != after[name]], ["shop-scoring"])

    def test_simulation_runs_only_where_it_is_asked_for_and_has_no_database(self):
        self.assertEqual([d for d in render({}) if d["metadata"]["name"] == "shop-simulation"], [])
        documents = render({"services": {"simulation": {"enabled": True}}})
        spec = named(documents, "Deployment", "shop-simulation")["spec"]["template"]["spec"]
        container = spec["containers"][0]
        self.assertEqual(container["args"][0], "serve-simulation")
        self.assertTrue(container["image"].startswith("ghcr.io/elate-dev/elate:"), container["image"])
        self.assertEqual([variable["name"] for variable in container["env"]], ["ELATE_SERVICE_TOKEN"])
        self.assertNotIn("initContainers", spec)
        self.assertEqual(len(of_kind(documents, "Job")), 4)
        config = yaml.safe_load(named(documents, "ConfigMap", "shop-simulation")["data"]["config.yaml"])
        self.assertEqual((config["listen"], config["events"]["url"]), ("0.0.0.0:7404", "http://shop-events:7400"))

    def test_configuration_of_the_values_wins(self):
        documents = render({"services": {"events": {"config": {"log": {"filter": "debug"}, "extra": {"a": 1}}}}})
        config = yaml.safe_load(named(documents, "ConfigMap", "shop-events")["data"]["config.yaml"])
        self.assertEqual((config["log"], config["extra"]), ({"filter": "debug", "format": "json"}, {"a": 1}))

    def test_a_single_replica_has_no_budget_that_would_block_a_drain(self):
        budgets = of_kind(render({"services": {"events": {"replicas": 1}}}), "PodDisruptionBudget")
        self.assertEqual([b["metadata"]["name"] for b in budgets], ["shop-journeys", "shop-scoring", "shop-notifications"])

    def test_network_policy_lets_in_the_named_and_the_release_itself(self):
        documents = render(VALUES["everything set"])
        policy = named(documents, "NetworkPolicy", "shop-journeys")["spec"]
        api, metrics = policy["ingress"]
        self.assertEqual(api["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"], "shop")
        self.assertEqual(api["from"][1], {"namespaceSelector": {"matchLabels": {"name": "shop"}}})
        self.assertEqual(metrics["from"], [{"podSelector": {"matchLabels": {"app": "prometheus"}}}])
        for name, template in pods(documents):
            covering = [p for p in of_kind(documents, "NetworkPolicy") if selects(p["spec"]["podSelector"]["matchLabels"], template)]
            self.assertEqual(len(covering), 1, name)

    def test_images_and_secrets_are_named_as_told(self):
        documents = render(VALUES["everything set"])
        container = named(documents, "Deployment", "shop-events")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["image"], "registry.local:5000/elate-dev/elate-events:9.9.9")
        environment = {variable["name"]: variable for variable in container["env"]}
        self.assertEqual(
            environment["ELATE_DATABASE__URL"]["valueFrom"]["secretKeyRef"], {"name": "own-dsn", "key": "EVENTS_URL"}
        )
        self.assertEqual(environment["A"]["value"], "1")

    def test_names_stay_within_the_limit(self):
        for document in render(VALUES["everything set"], release="r" * 53):
            self.assertLessEqual(len(document["metadata"]["name"]), 63)


class RefusedValues(unittest.TestCase):
    """The values schema refuses what would otherwise fail in the cluster, or be ignored."""

    CASES = {
        "an unknown key": {"replicas": 3},
        "an unknown key of a service": {"services": {"events": {"replica": 3}}},
        "an unknown service": {"services": {"billing": {}}},
        "an unknown key of the image": {"image": {"name": "x"}},
        "no replicas": {"services": {"events": {"replicas": 0}}},
        "replicas as text": {"services": {"events": {"replicas": "2"}}},
        "a port out of range": {"services": {"events": {"port": 70000}}},
        "no secret": {"secrets": {"redis": {"existingSecret": ""}}},
        "a secret that cannot exist": {"secrets": {"redis": {"existingSecret": "Bad Name"}}},
        "a pull policy that does not exist": {"image": {"pullPolicy": "Sometimes"}},
        "a log format that does not exist": {"log": {"format": "xml"}},
        "a variable with value and reference": {
            "services": {"events": {"env": [{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": {}}}]}}
        },
        "a quantity that is none": {"services": {"events": {"resources": {"requests": {"cpu": "many"}}}}},
        "a service type that does not exist": {"services": {"events": {"service": {"type": "Public"}}}},
        "no time to stop": {"terminationGracePeriodSeconds": 3},
        "an endpoint without a scheme": {"otlpEndpoint": "collector:4317"},
        "a network peer that is none": {"networkPolicy": {"apiFrom": [{"pods": "all"}]}},
    }

    def test_wrong_values_are_refused_by_the_schema(self):
        for name, values in self.CASES.items():
            with self.subTest(name):
                with self.assertRaises(Refused) as refusal:
                    render(values)
                self.assertIn("specifications of the schema", str(refusal.exception))


if __name__ == "__main__":
    unittest.main()
