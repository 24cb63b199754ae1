//! The `traceparent` header of W3C Trace Context (Level 1, section 3.2).

use http::HeaderValue;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The header's name.
pub const HEADER: &str = "traceparent";

/// Reads a header. `None` when it is not one, which means: begin a new trace.
///
/// Of later versions only the part that version 00 defines is read, as the recommendation asks.
pub fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let more = parts.next().is_some();
    if !is_hex(version, 2) || version == "ff" || (version == "00" && more) {
        return None;
    }
    if !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

/// The header's value. Whether the trace is sampled is the context's own flag.
pub(crate) fn value(context: &SpanContext) -> HeaderValue {
    let (trace, span) = (context.trace_id(), context.span_id());
    let header = format!("00-{trace}-{span}-{:02x}", context.trace_flags());
    HeaderValue::try_from(header).expect("digits and dashes are a value")
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_comes_back_as_it_was() {
        for header in [
            SAMPLED,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        ] {
            let context = parse(header).expect("it is well formed");
            assert_eq!(value(&context), header);
            assert_eq!(context.is_sampled(), header == SAMPLED);
            assert!(context.is_remote());
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more";
        assert_eq!(value(&parse(later).expect("version cc")), SAMPLED);
    }

    #[test]
    fn what_is_not_a_header_begins_a_new_trace() {
        for header in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert!(parse(header).is_none(), "{header}");
        }
    }
}
