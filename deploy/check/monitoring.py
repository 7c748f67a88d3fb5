"""What metrics the code declares, and which ones queries name."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

# `NAME: Counter("elate_x_total", Count, ["label"]);`
DECLARATION = re.compile(r':\s*(Counter|Gauge|Histogram)\(\s*"([a-z][a-z0-9_]*)",\s*\w+,\s*\[([^\]]*)\]', re.DOTALL)
WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

# What Prometheus itself adds to every series.
TARGET_LABELS = {"job", "instance"}

# Words of PromQL that look like names of metrics.
KEYWORDS = {
    "sum", "rate", "increase", "by", "without", "on", "group_left", "max", "min", "avg", "count", "histogram_quantile",
    "and", "or", "unless", "for", "clamp_min", "topk", "bool", "offset", "deriv", "abs", "max_over_time", "ignoring",
    "absent", "vector", "time", "min_over_time", "delta", "changes", "le",
}  # fmt: skip


def declared(root: pathlib.Path = ROOT) -> dict[str, set[str]]:
    """Names of series with their labels: a histogram has three."""
    series = {"up": set(TARGET_LABELS)}
    for source in [*root.glob("crates/*/src/**/*.rs"), *root.glob("services/*/src/**/*.rs")]:
        text = source.read_text()
        for kind, name, labels in DECLARATION.findall(text):
            add(series, name, set(re.findall(r'"([a-z_]+)"', labels)), kind == "Histogram")
        if source.name == "metrics.rs":
            # Names used with the recorder's own macros: their labels stand beside them in the same file.
            labels = set(re.findall(r'"([a-z_]+)" =>', text))
            for name in re.findall(r'"(elate_[a-z0-9_]+)"', text):
                if name not in series:
                    add(series, name, labels, histogram=not name.endswith("_total"))
    return series


def add(series: dict[str, set[str]], name: str, labels: set[str], histogram: bool) -> None:
    series[name] = labels | TARGET_LABELS
    if histogram:
        for suffix in ("_sum", "_count"):
            series[name + suffix] = labels | TARGET_LABELS
        series[name + "_bucket"] = labels | TARGET_LABELS | {"le"}


def unknown_names(query: str, series: dict[str, set[str]]) -> list[str]:
    """Metrics and labels in a PromQL query that nothing declares."""
    query = re.sub(r"\[[^\]]*\]", "", query)
    found = []
    named = set()
    for metric, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}", query):
        named.add(metric)
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            if metric in series and label not in series[metric]:
                found.append(f"{metric}{{{label}}}")
    labels = set()
    for group in re.findall(r"(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)", query):
        labels |= set(WORD.findall(group))
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"", "", query)
    named |= set(WORD.findall(re.sub(r"\b\d[\w.]*", "", bare))) - KEYWORDS - labels
    metrics = {name for name in named if name in series}
    found += sorted(named - set(series))
    known = set().union(*(series[name] for name in metrics)) if metrics else set()
    found += sorted(f"by {label}" for label in labels - known - {"le"})
    return found
