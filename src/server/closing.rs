//! What a client is told when the server ends its connection.

use super::access::{Denied, REVOKED};
use crate::model::CloseReason;

/// Why a member's connection ends. `among`: the number of connections that end with it. `is_revoked`: the player token was
/// revoked.
pub(super) fn reason(code: u16, among: usize, is_revoked: bool) -> CloseReason {
    let message = is_revoked.then(|| REVOKED.to_owned());
    CloseReason { code, retry_after_ms: retry_after_ms(code, among), message }
}

/// Why a client does not become a member.
pub(super) fn refusal(denied: Denied) -> CloseReason {
    let code = denied.close.number();
    let retry_after_ms = denied.wait.as_millis() as u64 + retry_after_ms(code, 0);
    CloseReason { code, retry_after_ms, message: Some(denied.message) }
}

/// When the client should reconnect, with jitter: spread over half a second plus one second per 2,000 connections.
fn retry_after_ms(code: u16, among: usize) -> u64 {
    if (4100..4200).contains(&code) { 250 + fastrand::u64(0..500 + among as u64 / 2) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reconnect_at_two_thousand_a_second_at_most() {
        for (among, latest) in [(1, 750), (10_000, 5_750), (25_000, 13_250)] {
            let times: Vec<_> = (0..among).map(|_| retry_after_ms(4100, among)).collect();
            assert!(times.iter().all(|time| (250..latest).contains(time)), "{among}: {times:?}");
        }
        // About 2,000 of 10,000 clients in any second, within chance.
        let mut seconds = [0; 6];
        (0..10_000).for_each(|_| seconds[(retry_after_ms(4100, 10_000) / 1000) as usize] += 1);
        assert!(seconds.iter().all(|&came| came < 2_200), "{seconds:?}");
        assert_eq!(retry_after_ms(4200, 10_000), 0, "at once");
    }
}
