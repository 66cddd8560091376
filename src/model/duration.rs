use std::time::Duration;

/// The longest useful duration. It keeps sums of times from overflowing.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The shortest expiry of an unused room, because usage is recorded once a second.
const SHORTEST_ROOM_TTL: Duration = Duration::from_secs(2);

/// Parses `100ms`, `5s`, `10m`, `1h`, `2d` or `0`.
///
/// # Errors
/// One line with the correct form.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (milliseconds, rule) =
        (|factor: u64| number.parse::<u64>().ok()?.checked_mul(factor), "write a duration");
    let total = match unit {
        "ms" => milliseconds(1),
        "s" => milliseconds(1000),
        "m" => milliseconds(60_000),
        "h" => milliseconds(3_600_000),
        "d" => milliseconds(86_400_000),
        "" if !number.is_empty() && number.bytes().all(|b| b == b'0') => Some(0),
        _ => return Err(format!("{rule} such as 100ms, 5s, 10m, 1h or 0")),
    };
    let total = total.map(Duration::from_millis).filter(|total| *total <= YEAR);
    total.ok_or_else(|| format!("{rule} of at most 365d, such as 100ms, 5s, 10m or 1h"))
}

/// Parses the expiry of an unused room; `0` is never.
///
/// # Errors
/// One line with the correct form.
pub fn room_ttl(text: &str) -> Result<Duration, String> {
    let ttl = duration(text)?;
    if ttl.is_zero() || ttl >= SHORTEST_ROOM_TTL {
        Ok(ttl)
    } else {
        Err(format!("write 0 for never, or at least {SHORTEST_ROOM_TTL:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        for (text, milliseconds) in [
            ("0", 0),
            ("0s", 0),
            ("100ms", 100),
            ("5s", 5000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "5", "s", "-1s", "1.5s", "5 s", "5S", "366d", "99999999999999999999h", "9999999999999999d"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_room_in_use_can_be_kept() {
        assert_eq!(room_ttl("0"), Ok(Duration::ZERO));
        assert_eq!(room_ttl("2s"), Ok(Duration::from_secs(2)));
        assert!(room_ttl("1999ms").is_err() && room_ttl("1s").is_err() && room_ttl("2").is_err());
    }
}
