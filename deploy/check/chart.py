"""Renders the chart with real helm and answers questions about the result."""

import json
import os
import pathlib
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/elate"
HELM = os.environ["ELATE_CHECK_HELM"]
SERVICES = ("events", "journeys", "scoring", "notifications")

# Values as an operator would write them, from the least to the most.
VALUES = {
    "defaults": {},
    "one replica each, no policy": {
        "services": {name: {"replicas": 1} for name in SERVICES},
        "networkPolicy": {"enabled": False},
        "spreadReplicas": False,
    },
    "everything set": {
        "image": {"registry": "registry.local:5000", "tag": "9.9.9", "pullSecrets": [{"name": "pull"}]},
        "secrets": {"databases": {"existingSecret": "own-dsn", "keys": {"events": "EVENTS_URL"}}},
        "log": {"format": "text", "filter": "info,elate_events=debug"},
        "otlpEndpoint": "http://collector:4317",
        "podAnnotations": {"team": "crm"},
        "podLabels": {"cost": "crm"},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
                }
            }
        },
        "networkPolicy": {
            "apiFrom": [{"namespaceSelector": {"matchLabels": {"name": "shop"}}}],
            "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        },
        "services": {
            "events": {
                "replicas": 3,
                "port": 8400,
                "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                ],
            }
        },
    },
}


class Refused(Exception):
    """Helm did not accept the values; the text says why."""


def helm(*arguments: str, values: dict | None = None) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values or {}, file)
        file.flush()
        done = subprocess.run([HELM, *arguments, "--values", file.name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def render(values: dict | None = None, release: str = "shop") -> list[dict]:
    text = helm("template", release, str(CHART), "--namespace", "crm", values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(documents: list[dict], kind: str) -> list[dict]:
    return [document for document in documents if document["kind"] == kind]


def named(documents: list[dict], kind: str, name: str) -> dict:
    found = [document for document in of_kind(documents, kind) if document["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} documents {kind} {name}"
    return found[0]


def pods(documents: list[dict]) -> list[tuple[str, dict]]:
    """Name and pod template of everything that runs pods."""
    return [
        (f"{document['kind']} {document['metadata']['name']}", document["spec"]["template"])
        for document in documents
        if document["kind"] in ("Deployment", "Job")
    ]


def containers(template: dict) -> list[dict]:
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def selects(selector: dict, template: dict) -> bool:
    labels = template["metadata"]["labels"]
    return all(labels.get(key) == value for key, value in selector.items())
