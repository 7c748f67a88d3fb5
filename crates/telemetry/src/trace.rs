//! The trace of a request as a text that can travel in a header or in a record.
//!
//! The format is W3C Trace Context, version 00: `00-<trace id>-<span id>-<flags>`, all in lower-case hex.

use std::fmt;
use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The name of the header and of the gRPC metadata.
pub const TRACEPARENT: &str = "traceparent";

/// A parsed `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// A text that is no `traceparent`. By the specification it is to be ignored, not to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no W3C traceparent")]
pub struct InvalidTraceParent;

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let valid = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 2 * N || !text.bytes().all(valid) {
        return None;
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().ok_or(InvalidTraceParent);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        // Later versions may add parts; version 00 may not.
        if version == "ff" || hex::<1>(version).is_none() || (version == "00" && parts.next().is_some()) {
            return Err(InvalidTraceParent);
        }
        let parsed = Self {
            trace: hex(trace).ok_or(InvalidTraceParent)?,
            span: hex(span).ok_or(InvalidTraceParent)?,
            flags: hex::<1>(flags).ok_or(InvalidTraceParent)?[0],
        };
        // All zeros means "no trace".
        if parsed.trace == [0; 16] || parsed.span == [0; 8] { Err(InvalidTraceParent) } else { Ok(parsed) }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        for byte in self.trace {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-")?;
        for byte in self.span {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{:02x}", self.flags)
    }
}

impl TraceParent {
    /// The place of `span` in its trace; `None` where no trace is kept (telemetry was not initialised).
    pub fn of(span: &tracing::Span) -> Option<Self> {
        let context = span.context();
        let otel = context.span();
        let place = otel.span_context();
        place.is_valid().then(|| Self {
            trace: place.trace_id().to_bytes(),
            span: place.span_id().to_bytes(),
            flags: place.trace_flags().to_u8(),
        })
    }

    /// The place of the current span in its trace.
    pub fn current() -> Option<Self> {
        Self::of(&tracing::Span::current())
    }

    /// Makes `span`, which has not been entered yet, a child of this place. Without telemetry nothing happens.
    pub fn adopt(&self, span: &tracing::Span) {
        let place = SpanContext::new(
            TraceId::from_bytes(self.trace),
            SpanId::from_bytes(self.span),
            TraceFlags::new(self.flags),
            true,
            TraceState::default(),
        );
        // It fails only where no OpenTelemetry layer is installed, and then there is no trace to join.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(place));
    }
}

/// The `traceparent` of the current span, to put into a header or a record.
pub fn current_traceparent() -> Option<String> {
    TraceParent::current().map(|parent| parent.to_string())
}

/// Makes `span` a child of the given `traceparent`, if that is one.
pub fn set_parent(span: &tracing::Span, traceparent: &str) {
    if let Ok(parent) = traceparent.parse::<TraceParent>() {
        parent.adopt(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_survives_parsing() {
        assert_eq!(EXAMPLE.parse::<TraceParent>().unwrap().to_string(), EXAMPLE);
    }

    #[test]
    fn broken_ones_are_ignored() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert!(bad.parse::<TraceParent>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn later_versions_may_have_more_parts() {
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        assert_eq!(later.parse::<TraceParent>().unwrap().to_string(), EXAMPLE);
    }

    #[test]
    fn a_span_continues_the_trace_that_it_adopts() {
        use opentelemetry::trace::TracerProvider as _;
        use tracing_subscriber::layer::SubscriberExt as _;
        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let span = tracing::info_span!("child");
        set_parent(&span, EXAMPLE);
        let text = span.in_scope(current_traceparent).unwrap();
        assert!(text.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{text}");
        assert_ne!(text, EXAMPLE, "the child has a span id of its own");
        assert!(text.ends_with("-01"), "a sampled trace stays sampled: {text}");
    }
}
