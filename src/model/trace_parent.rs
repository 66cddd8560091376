/// The caller's span, as the header `traceparent` of W3C Trace Context names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Names the trace; not 0.
    pub trace_id: u128,
    /// Names the caller's span; not 0.
    pub span_id: u64,
    /// Whether the caller records the trace.
    pub is_sampled: bool,
}

/// The length of a header of version 00: `00-TRACE-SPAN-FLAGS`. Later versions may be longer.
const LEN: usize = 55;

impl TraceParent {
    /// Reads a header. `None`: it is invalid, which Trace Context has servers treat as if it were missing.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (known, rest) = header.split_at_checked(LEN)?;
        let mut fields = known.split('-');
        let version = hex(fields.next()?, 2)?;
        let trace_id = hex(fields.next()?, 32)?;
        let span_id = u64::try_from(hex(fields.next()?, 16)?).ok()?;
        let flags = hex(fields.next()?, 2)?;
        let is_whole = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let is_valid = is_whole && fields.next().is_none() && trace_id != 0 && span_id != 0;
        is_valid.then_some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

/// A number in so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_names_trace_and_span_and_whether_they_are_recorded() {
        let (trace_id, span_id) = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331);
        assert_eq!(TraceParent::parse(VALID), Some(TraceParent { trace_id, span_id, is_sampled: true }));
        for (flags, is_sampled) in [("00", false), ("02", false), ("ff", true)] {
            let parsed = TraceParent::parse(&VALID.replace("-01", &format!("-{flags}"))).unwrap();
            assert_eq!(parsed, TraceParent { trace_id, span_id, is_sampled }, "{flags}");
        }
        let later = format!("cc{}-what-comes", &VALID[2..]);
        assert_eq!(
            TraceParent::parse(&later).map(|it| it.span_id),
            Some(span_id),
            "a later version may say more"
        );
    }

    #[test]
    fn an_invalid_header_names_nothing() {
        for header in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}-"),
            &format!("{VALID}x"),
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &VALID.replace("b7ad6b7169203331", &"0".repeat(16)),
            &VALID.replace('b', "g"),
            &VALID.replace("-b7ad6b7169203331", "b7-ad6b7169203331"),
            &format!("cc{}x", &VALID[2..]),
            &VALID.replace('a', "ä"),
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(header), None, "{header}");
        }
    }
}
