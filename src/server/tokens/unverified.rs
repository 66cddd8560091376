use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    TokenError,
    members::{Members, NoObject},
};
use crate::model::limits::{TOKEN_BYTES, TOKEN_DEPTH};

/// A token taken apart. Nothing of it is to be believed.
pub(super) struct Unverified<'a> {
    /// What the signature signs.
    pub(super) message: &'a str,
    /// In base64url.
    pub(super) signature: &'a str,
    pub(super) algorithm: String,
    /// The key's id in a key set.
    pub(super) kid: Option<String>,
    /// The JSON of the claims.
    pub(super) payload: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart: first what costs least.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_BYTES {
            return Err(TokenError::unsigned(format!("the token has more than {TOKEN_BYTES} bytes")));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::unsigned("the token has not three parts"));
        };
        let (algorithm, kid) = read_header(&decode("header", header)?)?;
        Ok(Self {
            message: &token[..header.len() + 1 + payload.len()],
            signature,
            algorithm,
            kid,
            payload: decode("payload", payload)?,
        })
    }
}

/// The algorithm and the key's id. Keys and addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are ignored,
/// because whoever makes up a token writes them.
fn read_header(json: &[u8]) -> Result<(String, Option<String>), TokenError> {
    let header = Members::parse(json).map_err(|fault| describe("header", fault))?;
    if header.get("crit").is_some() {
        return Err(TokenError::unsigned("the header has crit, and this server knows no extension"));
    }
    let text = |name: &'static str| {
        let text = header.text(name);
        text.map_err(|_| TokenError::unsigned(format!("the header's {name} is not a string")))
    };
    if let Some(typ) = text("typ")?
        && !["JWT", "at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
    {
        return Err(TokenError::unsigned("the header's typ is neither JWT nor at+jwt"));
    }
    let algorithm = text("alg")?.ok_or_else(|| TokenError::unsigned("the header has no alg"))?;
    Ok((algorithm.into_owned(), text("kid")?.map(Cow::into_owned)))
}

fn decode(part: &str, base64: &str) -> Result<Vec<u8>, TokenError> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(base64);
    decoded.map_err(|_| TokenError::unsigned(format!("the {part} is not base64url without padding")))
}

/// The fault of a part of the token that is no object.
pub(super) fn describe(part: &str, fault: NoObject) -> TokenError {
    TokenError::unsigned(match fault {
        NoObject::Deep => format!("the {part} nests more than {TOKEN_DEPTH} objects and lists"),
        NoObject::Twice => format!("the {part} has a member twice"),
        NoObject::Other => format!("the {part} is not a JSON object"),
    })
}
