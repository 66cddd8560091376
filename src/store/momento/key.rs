//! The API key. It is taken from the environment only.

use std::env;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;

use super::url::Endpoint;

/// The cache's address and the token. Has no `Debug`, so that no log can show the token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Access {
    /// For example `https://cache.cell-1.prod.a.momentohq.com`.
    pub(super) address: String,
    pub(super) token: String,
}

/// The content of a key of the first kind, in base64. A key of the second kind is itself the token.
#[derive(Deserialize)]
struct FirstKind {
    endpoint: String,
    api_key: String,
}

const KEY: &str = "MOMENTO_API_KEY";
const ENDPOINT: &str = "MOMENTO_ENDPOINT";

/// The token for a local cache, which does not check it.
const NO_KEY: &str = "none";

/// Accepts both base64 alphabets, with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Access {
    /// Reads the environment.
    ///
    /// # Errors
    /// One line that says what is missing or wrong.
    pub(super) fn from_env(endpoint: &Endpoint) -> Result<Self, String> {
        let given =
            |name| env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self::new(endpoint, given(KEY), given(ENDPOINT))
    }

    fn new(endpoint: &Endpoint, key: Option<String>, region: Option<String>) -> Result<Self, String> {
        if let Endpoint::Loopback(address) = endpoint {
            return Ok(Self { address: address.clone(), token: key.unwrap_or_else(|| NO_KEY.to_owned()) });
        }
        let key = key.ok_or_else(|| {
            format!("there is no API key: make one for the cache in Momento's console, and set {KEY} to it")
        })?;
        let (token, own) = read(key)?;
        let address = match (endpoint, &own, &region) {
            (Endpoint::Address(address) | Endpoint::Loopback(address), ..) => address.clone(),
            (Endpoint::Region(region), ..) | (_, Some(region), _) | (_, _, Some(region)) => {
                format!("https://cache.{region}")
            }
            (Endpoint::OfTheKey, None, None) => {
                return Err(format!(
                    "this API key does not say where its cache is: set {ENDPOINT}, or ?endpoint=, to what Momento's \
                     console calls the endpoint of the region"
                ));
            }
        };
        Ok(Self { address, token })
    }
}

/// The token of a key, and the region's endpoint if the key contains it.
fn read(key: String) -> Result<(String, Option<String>), String> {
    let wrong = || format!("{KEY} is no API key of Momento: copy it again, whole");
    if key.split('.').count() == 3 {
        return Ok((key, None));
    }
    let bytes = LENIENT.decode(key.replace('+', "-").replace('/', "_")).map_err(|_| wrong())?;
    let FirstKind { endpoint, api_key } = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    Ok((api_key, Some(endpoint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_KIND: &str = "aGVhZA.eyJ0IjoiZyJ9.hunter2";

    fn first_kind() -> String {
        LENIENT.encode(r#"{"endpoint":"cell-1.example.com","api_key":"hunter2"}"#)
    }

    fn access(endpoint: &Endpoint, key: &str, region: Option<&str>) -> Result<Access, String> {
        Access::new(endpoint, Some(key.to_owned()).filter(|key| !key.is_empty()), region.map(str::to_owned))
    }

    #[test]
    fn a_key_of_the_first_kind_says_where() {
        let found = access(&Endpoint::OfTheKey, &first_kind(), None).unwrap();
        assert_eq!((&*found.address, &*found.token), ("https://cache.cell-1.example.com", "hunter2"));
        let unpadded =
            access(&Endpoint::OfTheKey, first_kind().trim_end_matches('='), Some("elsewhere")).unwrap();
        assert!(unpadded == found, "the key knows best");
        let said = access(&Endpoint::Region("cell-2".to_owned()), &first_kind(), None).unwrap();
        assert_eq!(said.address, "https://cache.cell-2", "but for what the URL says");
    }

    #[test]
    fn a_key_of_the_second_kind_is_told_where() {
        let found = access(&Endpoint::OfTheKey, SECOND_KIND, Some("cell-1.example.com")).unwrap();
        assert_eq!((&*found.address, &*found.token), ("https://cache.cell-1.example.com", SECOND_KIND));
        let at = Endpoint::Address("https://cache.internal:8443".to_owned());
        assert_eq!(access(&at, SECOND_KIND, None).unwrap().address, "https://cache.internal:8443");
        let why = access(&Endpoint::OfTheKey, SECOND_KIND, None).err().unwrap();
        assert!(why.contains(ENDPOINT) && why.contains("?endpoint="), "{why}");
    }

    #[test]
    fn this_machine_needs_no_key() {
        let here = Endpoint::Loopback("http://127.0.0.1:1".to_owned());
        assert_eq!(access(&here, "", None).unwrap().token, NO_KEY);
        assert_eq!(access(&here, "any", None).unwrap().token, "any");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        for (key, part) in
            [("", "set MOMENTO_API_KEY"), ("hunter2", "copy it again"), ("aHVudGVyMg==", "copy it again")]
        {
            let why = access(&Endpoint::OfTheKey, key, Some("cell-1")).err().unwrap();
            assert!(why.contains(part) && !why.contains("hunter2") && !why.contains('\n'), "{why}");
        }
    }
}
