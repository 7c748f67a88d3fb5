//! Declarations of metrics: a name, its unit, its labels and what it says, in one place.

use std::fmt::Write as _;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Kind {
    /// The word that the documentation uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// In what it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number of things.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share between 0 and 1.
    Ratio,
}

impl Unit {
    /// The unit in UCUM, as OpenTelemetry writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count | Self::Ratio => "1",
            Self::Seconds => "s",
            Self::Bytes => "By",
        }
    }

    fn as_recorder_unit(self) -> ::metrics::Unit {
        match self {
            Self::Count => ::metrics::Unit::Count,
            Self::Seconds => ::metrics::Unit::Seconds,
            Self::Bytes => ::metrics::Unit::Bytes,
            Self::Ratio => ::metrics::Unit::Percent,
        }
    }
}

/// One declared metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, as Prometheus shows it.
    pub name: &'static str,
    /// What is measured.
    pub kind: Kind,
    /// In what.
    pub unit: Unit,
    /// Its labels. Their values are bounded.
    pub labels: &'static [&'static str],
    /// What it says, and when to worry.
    pub description: &'static str,
}

impl Metric {
    /// The counter with these label values.
    pub fn counter<L: ::metrics::IntoLabels>(&self, labels: L) -> ::metrics::Counter {
        ::metrics::counter!(self.name, labels)
    }

    /// The gauge with these label values.
    pub fn gauge<L: ::metrics::IntoLabels>(&self, labels: L) -> ::metrics::Gauge {
        ::metrics::gauge!(self.name, labels)
    }

    /// The histogram with these label values.
    pub fn histogram<L: ::metrics::IntoLabels>(&self, labels: L) -> ::metrics::Histogram {
        ::metrics::histogram!(self.name, labels)
    }
}

/// Tells the recorder what the metrics mean, so that the metrics page says it too.
pub fn describe(metrics: &[Metric]) {
    for metric in metrics {
        let unit = metric.unit.as_recorder_unit();
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(metric.name, unit, metric.description.trim()),
            Kind::Gauge => ::metrics::describe_gauge!(metric.name, unit, metric.description.trim()),
            Kind::Histogram => ::metrics::describe_histogram!(metric.name, unit, metric.description.trim()),
        }
    }
}

/// The reference of metrics as a table in Markdown, in the order of the names.
pub fn render_markdown(metrics: &[Metric]) -> String {
    let mut sorted: Vec<_> = metrics.iter().collect();
    sorted.sort_by_key(|metric| metric.name);
    let mut text = String::from("| metric | kind | unit | labels | what it says |\n|---|---|---|---|---|\n");
    for metric in sorted {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let description = metric.description.split_whitespace().collect::<Vec<_>>().join(" ");
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            metric.name,
            metric.kind.as_str(),
            metric.unit.as_str(),
            labels.join(", "),
            description.replace('|', "\\|"),
        );
    }
    text
}

/// Declares metrics as constants, and `ALL` as the list of them.
///
/// ```
/// elate_telemetry::metrics! {
///     /// Messages that were accepted.
///     ACCEPTED: Counter("elate_events_accepted_total", Count, ["type"]);
/// }
/// assert_eq!(ALL[0], ACCEPTED);
/// ACCEPTED.counter(&[("type", "track")]).increment(1);
/// ```
#[macro_export]
macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident($text:literal, $unit:ident, [$($label:literal),*]);)+) => {
        $(
            $(#[doc = $doc])+
            #[allow(unreachable_pub, reason = "a crate may keep its declarations to itself")]
            pub const $name: $crate::metrics::Metric = $crate::metrics::Metric {
                name: $text,
                kind: $crate::metrics::Kind::$kind,
                unit: $crate::metrics::Unit::$unit,
                labels: &[$($label),*],
                description: concat!($($doc),+),
            };
        )+
        /// All metrics declared here.
        #[allow(unreachable_pub, reason = "a crate may keep its declarations to itself")]
        pub const ALL: &[$crate::metrics::Metric] = &[$($name),+];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    mod sample {
        crate::metrics! {
            /// How long it took,
            /// from end to end.
            TOOK: Histogram("sample_duration_seconds", Seconds, ["code"]);
            /// How many there are.
            ARE: Gauge("sample_count", Count, []);
        }
    }

    #[test]
    fn the_reference_lists_every_metric_once_in_order_of_names() {
        let text = render_markdown(sample::ALL);
        let rows: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(rows[0], "| `sample_count` | gauge | 1 |  | How many there are. |");
        assert_eq!(
            rows[1],
            "| `sample_duration_seconds` | histogram | s | `code` | How long it took, from end to end. |"
        );
        assert_eq!(rows.len(), 2);
    }
}
