//! Revocations as the drivers keep them: each as its JSON, so that equal revocations are equal text.

use super::{Result, StoreError, StoreErrorKind};
use crate::model::{Millis, Revocation};

/// The JSON of a revocation, at most 1024 bytes: a token's id may be of 128 bytes of which each is escaped with six.
pub(super) fn text(store: &'static str, revocation: &Revocation) -> Result<String> {
    serde_json::to_string(revocation).map_err(|why| {
        StoreError::new(store, StoreErrorKind::Unavailable, "a revocation cannot be written").with_source(why)
    })
}

/// Parses the JSON of a revocation.
///
/// # Errors
/// `Unavailable`: another program wrote it.
pub(super) fn parse(store: &'static str, text: impl AsRef<[u8]>) -> Result<Revocation> {
    serde_json::from_slice(text.as_ref()).map_err(|why| {
        let message = format!("a revocation is not ours: {why}");
        StoreError::new(store, StoreErrorKind::Unavailable, message)
    })
}

/// Parses revocations and leaves out those that have ended at `now`.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_all<T: AsRef<[u8]>>(
    store: &'static str,
    texts: impl IntoIterator<Item = T>,
    now: Millis,
) -> Result<Vec<Revocation>> {
    let mut all = texts.into_iter().map(|text| parse(store, text)).collect::<Result<Vec<_>>>()?;
    all.retain(|revocation| revocation.until > now);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Revoked,
        limits::{KID_LEN, PLAYER_NAME_LEN, TOKEN_ID_LEN},
    };

    #[test]
    fn the_longest_revocations_have_at_most_1024_bytes() {
        for of in [
            Revoked::Jti("\0".repeat(TOKEN_ID_LEN).into()),
            Revoked::Key("\"".repeat(KID_LEN).into()),
            Revoked::Player("~".repeat(PLAYER_NAME_LEN).parse().unwrap()),
        ] {
            let revocation = Revocation { of, issued_before: Millis::MAX, until: Millis::MAX };
            let text = text("test", &revocation).unwrap();
            assert!(text.len() <= 1024, "{}", text.len());
            assert_eq!(parse("test", text).unwrap(), revocation);
        }
    }

    #[test]
    fn what_others_wrote_is_refused() {
        for odd in
            ["", "{}", r#"{"player":"a b","issued_before":1,"until":2}"#, r#"{"player":"ann","until":2}"#]
        {
            assert_eq!(parse("test", odd).unwrap_err().kind(), StoreErrorKind::Unavailable, "{odd}");
        }
    }
}
