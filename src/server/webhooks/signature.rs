//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD as LETTERS,
    engine::{DecodePaddingMode::Indifferent, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use ring::{
    digest::{self, digest},
    hmac,
};

use crate::model::limits::WEBHOOK_SECRETS;

const DECODER: GeneralPurpose =
    GeneralPurpose::new(&LETTERS, GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent));
const PREFIX: &str = "whsec_";
/// What Standard Webhooks asks of a secret, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that signs deliveries. Never shown.
#[derive(Clone)]
pub struct WebhookSecret(hmac::Key);

/// Why a file has no secrets. Never shows what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum InvalidWebhookSecret {
    #[error("it is empty; write a secret such as whsec_ and the base64 of 32 random bytes")]
    None,
    #[error("line {0} is no secret: write whsec_ and the base64 of 24 to 64 random bytes")]
    Shape(usize),
    #[error("it has {0} secrets; at most 2 sign, the new one and the old one")]
    TooMany(usize),
}

impl WebhookSecret {
    /// Takes the secrets of a file, one a line, at most two. Empty lines are skipped.
    ///
    /// # Errors
    /// [`InvalidWebhookSecret`] says what would be right.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, InvalidWebhookSecret> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_ascii()));
        let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
        if lines.is_empty() {
            return Err(InvalidWebhookSecret::None);
        }
        if lines.len() > WEBHOOK_SECRETS {
            return Err(InvalidWebhookSecret::TooMany(lines.len()));
        }
        lines.into_iter().map(|(at, line)| Self::parse(line).ok_or(InvalidWebhookSecret::Shape(at))).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = DECODER.decode(text.strip_prefix(PREFIX)?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The value of the header `webhook-signature`: one signature for each secret.
pub(super) fn sign(secrets: &[WebhookSecret], id: &str, timestamp: u64, body: &[u8]) -> String {
    let one = |WebhookSecret(key): &WebhookSecret| {
        let mut signed = hmac::Context::with_key(key);
        signed.update(format!("{id}.{timestamp}.").as_bytes());
        signed.update(body);
        format!("v1,{}", STANDARD.encode(signed.sign()))
    };
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The id of a delivery: the same for the same events.
pub(super) fn delivery_id<'a>(events: impl Iterator<Item = &'a str>) -> String {
    let ids = events.collect::<Vec<_>>().join(" ");
    let hash = digest(&digest::SHA256, ids.as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secrets = WebhookSecret::parse_all("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            sign(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn both_secrets_of_a_rotation_sign() {
        let [new, old] =
            ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="];
        let of = |text: &str| sign(&WebhookSecret::parse_all(text).unwrap(), "msg_1", 7, b"{}");
        assert_eq!(of(&format!("{new}\n\n {old}\r\n")), format!("{} {}", of(new), of(old)));
        assert_ne!(of(new), of(old));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_not_shown() {
        let short = format!("whsec_{}", STANDARD.encode([7; 23]));
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for (text, error) in [
            ("", InvalidWebhookSecret::None),
            ("\n \n", InvalidWebhookSecret::None),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidWebhookSecret::Shape(1)),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_%", InvalidWebhookSecret::Shape(2)),
            (&short, InvalidWebhookSecret::Shape(1)),
            (&long, InvalidWebhookSecret::Shape(1)),
            ("whsec_a\nwhsec_b\nwhsec_c", InvalidWebhookSecret::TooMany(3)),
        ] {
            let found = WebhookSecret::parse_all(text).unwrap_err();
            assert_eq!(found, error);
            assert!(text.lines().all(|line| line.trim().is_empty() || !found.to_string().contains(line)));
        }
        let secrets = WebhookSecret::parse_all("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{secrets:?}"), "Ok([***])");
    }

    #[test]
    fn the_same_events_have_the_same_id() {
        let of = |ids: &[&str]| delivery_id(ids.iter().copied());
        assert_eq!(of(&["a/b/0/1", "a/b/0/2"]), of(&["a/b/0/1", "a/b/0/2"]));
        assert_ne!(of(&["a/b/0/1", "a/b/0/2"]), of(&["a/b/0/1"]));
        assert!(of(&["a/b/0/1"]).len() == 36);
    }
}
