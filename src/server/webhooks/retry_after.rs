use std::time::{Duration, SystemTime};

use crate::model::Millis;

/// How long `Retry-After` asks to wait at `now`, in Unix milliseconds: seconds, or a date of HTTP. `None`: it is neither.
pub(super) fn retry_after(value: &str, now: Millis) -> Option<Duration> {
    let value = value.trim_ascii();
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // A number too large for 64 bits is as good as the largest.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_says_how_long_to_wait_in_seconds_or_as_a_date() {
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = 784_111_777_000;
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value:?}");
        }
    }
}
