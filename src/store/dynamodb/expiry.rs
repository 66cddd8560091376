//! When items expire. The service deletes each item some time after its own expiry, independently of the
//! others. So the holders' own items expire later than their asset, and the asset records how long they last at
//! least.

use std::time::Duration;

/// The expiry of an asset written, or touched, at `now`: 1.25 `ttl`, so that a touch needs to write only after
/// a quarter of `ttl` has passed.
pub(super) fn of_asset(now: u64, ttl: Duration) -> u64 {
    now + seconds(ttl.mul_f64(1.25))
}

/// Until when all holders' items last at least, given that each was written at `now` or up to 1.25 `ttl`
/// earlier.
pub(super) fn covered(now: u64, ttl: Duration) -> u64 {
    now + seconds(ttl.mul_f64(2.5))
}

/// The expiry of a holder's item.
pub(super) fn of_holder(now: u64, ttl: Duration) -> u64 {
    now + seconds(ttl.mul_f64(3.75))
}

/// Whether a touch at `now` must write the expiry: because the asset would expire too early, or because it
/// expires later than now wanted.
pub(super) fn is_due(expires_at: Option<u64>, now: u64, ttl: Duration) -> bool {
    expires_at.is_none_or(|at| at < now + seconds(ttl) || at > of_asset(now, ttl) + 1)
}

/// The expiry fields of an asset's item after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) expires_at: Option<u64>,
    pub(super) covered_until: Option<u64>,
}

impl Expiry {
    /// `spilled`: some holders have items of their own. `before`: they had them before the change, too, and
    /// those last until `covered_until`.
    pub(super) fn after_change(
        now: u64,
        ttl: Option<Duration>,
        spilled: bool,
        before: bool,
        covered_until: Option<u64>,
    ) -> Self {
        let own = ttl.map(|ttl| of_asset(now, ttl));
        if !spilled {
            return Self { expires_at: own, covered_until: None };
        }
        if !before {
            return Self { expires_at: own, covered_until: ttl.map(|ttl| covered(now, ttl)) };
        }
        // Without `covered_until` the holders' items never expire, so the asset must not expire either until it
        // is touched.
        let expires_at = covered_until.map(|covered| own.map_or(covered, |own| own.min(covered)));
        Self { expires_at, covered_until }
    }
}

fn seconds(ttl: Duration) -> u64 {
    ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Option<Duration> = Some(Duration::from_secs(100));

    fn after(ttl: Option<Duration>, spilled: bool, before: bool, covered_until: Option<u64>) -> Expiry {
        Expiry::after_change(1000, ttl, spilled, before, covered_until)
    }

    fn expiry(expires_at: Option<u64>, covered_until: Option<u64>) -> Expiry {
        Expiry { expires_at, covered_until }
    }

    #[test]
    fn no_asset_outlasts_its_holders() {
        assert_eq!(after(TTL, false, false, None), expiry(Some(1125), None));
        assert_eq!(after(TTL, true, false, None), expiry(Some(1125), Some(1250)));
        assert_eq!(after(TTL, true, true, Some(1250)), expiry(Some(1125), Some(1250)));
        assert_eq!(after(TTL, true, true, Some(1100)), expiry(Some(1100), Some(1100)));
    }

    #[test]
    fn expiry_that_is_switched_on_or_off_later_kills_no_holder_of_a_living_asset() {
        assert_eq!(after(TTL, true, true, None), expiry(None, None), "its holders have no end");
        assert_eq!(after(None, true, true, Some(1100)), expiry(Some(1100), Some(1100)), "its holders have one");
        assert_eq!(after(None, true, false, None), expiry(None, None));
        assert_eq!(after(None, false, false, None), expiry(None, None));
    }

    #[test]
    fn what_is_in_use_is_told_so_once_in_a_while() {
        let ttl = Duration::from_secs(100);
        let written = Some(of_asset(1000, ttl));
        assert!(!is_due(written, 1000, ttl) && !is_due(written, 1025, ttl) && is_due(written, 1026, ttl));
        assert!(is_due(None, 1000, ttl), "it has no end yet");
        assert!(is_due(Some(5000), 1000, ttl), "it was written when rooms lasted longer");
        assert!(covered(1000, ttl) >= of_asset(1000, ttl) && of_holder(1000 - 125, ttl) >= covered(1000, ttl));
    }
}
