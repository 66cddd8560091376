mod fields;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use self::fields::Fields;
use super::{AssetName, ErrorCode, RequestId, Token};

/// The messages of a client, one JSON text frame each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Requests one unit of an asset.
    SelectAsset {
        /// The asset.
        asset: AssetName,
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Returns the player's unit of an asset.
    ReleaseAsset {
        /// The asset.
        asset: AssetName,
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Confirms the player's hold of an asset.
    ConfirmAsset {
        /// The asset.
        asset: AssetName,
        /// Whether to take a unit that is left if the hold has expired.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        retake: bool,
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Lets the player's hold of an asset begin anew.
    ExtendAsset {
        /// The asset.
        asset: AssetName,
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Requests a snapshot. The snapshot carries no request id, but an error does.
    Sync {
        /// Echoed in an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Replaces the connection's player token.
    Refresh {
        /// The new token.
        token: Token,
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Requests a pong.
    Ping {
        /// Echoed in the reply.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
}

/// A text that is not a valid message, with the error for its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    /// The error's code.
    pub code: ErrorCode,
    /// The fault and the correct form.
    pub message: String,
    /// The request id, if it could be parsed.
    pub request_id: Option<RequestId>,
}

impl ClientMessage {
    /// Decodes one text frame. Unknown fields are ignored, so that older servers accept newer clients.
    ///
    /// # Errors
    /// [`Rejected`] with `bad_message`, `unknown_type` or `invalid_name`.
    pub fn decode(text: &str) -> Result<Self, Rejected> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(bad(
                "a message is a JSON object such as {\"type\":\"select_asset\",\"asset\":\"sword\"}",
            ));
        }
        let fields = Fields::read(text).map_err(|error| bad(format!("not a JSON message: {error}")))?;
        let mut request_id = fields.request_id.map(RequestId::from_json).transpose().map_err(bad)?;
        fields.message(&mut request_id).map_err(|rejected| Rejected { request_id, ..rejected })
    }
}

/// Fields are decoded one by one, so that an error names the field and still carries the request id.
impl Fields<'_> {
    /// The message, which takes the request id.
    fn message(&self, request_id: &mut Option<RequestId>) -> Result<ClientMessage, Rejected> {
        use ClientMessage::{ConfirmAsset, ExtendAsset, Ping, Refresh, ReleaseAsset, SelectAsset, Sync};
        match &*string("type", self.kind)? {
            "select_asset" => Ok(SelectAsset { asset: self.asset()?, request_id: request_id.take() }),
            "release_asset" => Ok(ReleaseAsset { asset: self.asset()?, request_id: request_id.take() }),
            "confirm_asset" => {
                let (asset, retake) = (self.asset()?, self.retake()?);
                Ok(ConfirmAsset { asset, retake, request_id: request_id.take() })
            }
            "extend_asset" => Ok(ExtendAsset { asset: self.asset()?, request_id: request_id.take() }),
            "sync" => Ok(Sync { request_id: request_id.take() }),
            "refresh" => {
                let token = Token::new(&string("token", self.token)?);
                Ok(Refresh { token, request_id: request_id.take() })
            }
            "ping" => Ok(Ping { request_id: request_id.take() }),
            other => Err(reject(
                ErrorCode::UnknownType,
                format!(
                    "unknown type {:?}: send select_asset, release_asset, confirm_asset, extend_asset, sync, refresh or ping",
                    shorten(other)
                ),
            )),
        }
    }

    fn retake(&self) -> Result<bool, Rejected> {
        let Some(raw) = self.retake else { return Ok(false) };
        let wrong = |_| bad(format!("field \"retake\" is true or false, not {}", shorten(raw)));
        serde_json::from_str(raw).map_err(wrong)
    }

    fn asset(&self) -> Result<AssetName, Rejected> {
        let text = string("asset", self.asset)?;
        AssetName::parse(&text).map_err(|error| reject(ErrorCode::InvalidName, error.to_string()))
    }
}

fn string<'a>(field: &str, raw: Option<&'a str>) -> Result<Cow<'a, str>, Rejected> {
    let raw = raw.ok_or_else(|| bad(format!("field {field:?} is missing; it is a string")))?;
    // A string without escapes, the usual case, is borrowed from the frame.
    if let Some(inner) = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"'))
        && !inner.contains('\\')
    {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw)
        .map(Cow::Owned)
        .map_err(|_| bad(format!("field {field:?} must be a string, not {}", shorten(raw))))
}

fn shorten(text: &str) -> String {
    text.chars().take(32).collect()
}

fn bad(message: impl Into<String>) -> Rejected {
    reject(ErrorCode::BadMessage, message.into())
}

fn reject(code: ErrorCode, message: String) -> Rejected {
    Rejected { code, message, request_id: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> ErrorCode {
        ClientMessage::decode(text).unwrap_err().code
    }

    #[test]
    fn every_kind_of_message_is_decoded() {
        let select =
            ClientMessage::decode(r#"{"type":"select_asset","asset":"sword","request_id":"17"}"#).unwrap();
        let ClientMessage::SelectAsset { asset, request_id } = select else { panic!("a select") };
        assert_eq!((asset.as_str(), request_id.unwrap().as_json()), ("sword", "\"17\""));
        let escaped =
            ClientMessage::decode(r#" {"asset":"\u0073word","type":"release_asset","more":[1]}"#).unwrap();
        let ClientMessage::ReleaseAsset { asset, request_id: None } = escaped else { panic!("a release") };
        assert_eq!(asset.as_str(), "sword");
        for (retake, sent) in [("", false), (r#","retake":false"#, false), (r#","retake":true"#, true)] {
            let text = format!(r#"{{"type":"confirm_asset","asset":"sword"{retake}}}"#);
            let asset = "sword".parse().unwrap();
            let confirm = ClientMessage::ConfirmAsset { asset, retake: sent, request_id: None };
            assert_eq!(ClientMessage::decode(&text).unwrap(), confirm);
        }
        let extend = ClientMessage::decode(r#"{"type":"extend_asset","asset":"sword"}"#).unwrap();
        assert!(matches!(extend, ClientMessage::ExtendAsset { request_id: None, .. }));
        let sync = ClientMessage::decode(r#"{"type":"sync"}"#).unwrap();
        assert_eq!(sync, ClientMessage::Sync { request_id: None });
        let ClientMessage::Sync { request_id } =
            ClientMessage::decode(r#"{"type":"sync","request_id":"20"}"#).unwrap()
        else {
            panic!("a sync")
        };
        assert_eq!(request_id.unwrap().as_json(), "\"20\"");
        let ping = ClientMessage::decode(r#"{"type":"ping","request_id":1e3}"#).unwrap();
        let ClientMessage::Ping { request_id } = ping else { panic!("a ping") };
        assert_eq!(request_id.unwrap().as_json(), "1e3", "echoed as given");
    }

    #[test]
    fn every_bad_message_has_its_code() {
        for text in ["", "hello", "[]", "[\"select_asset\"]", "null", "{", r#"{"asset":"a"}"#, r#"{"type":1}"#]
        {
            assert_eq!(code(text), ErrorCode::BadMessage, "{text}");
        }
        assert_eq!(code(r#"{"type":"select_asset"}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"type":"select_asset","asset":7}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"type":"select_asset","asset":"a","asset":"b"}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"type":"ping","request_id":{}}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"type":"confirm_asset","asset":"a","retake":1}"#), ErrorCode::BadMessage);
        assert_eq!(code(r#"{"type":"dance"}"#), ErrorCode::UnknownType);
        assert_eq!(code(r#"{"type":"select_asset","asset":"a b"}"#), ErrorCode::InvalidName);
        assert_eq!(code(r#"{"type":"select_asset","asset":".."}"#), ErrorCode::InvalidName);
    }

    #[test]
    fn an_error_carries_the_request_id() {
        let rejected = ClientMessage::decode(r#"{"type":"select_asset","request_id":"x"}"#).unwrap_err();
        assert_eq!(rejected.request_id.unwrap().as_json(), "\"x\"");
        assert!(rejected.message.contains("\"asset\""));
    }

    proptest! {
        #[test]
        fn the_decoder_never_panics(text in ".{0,200}") {
            let _ = ClientMessage::decode(&text);
        }

        #[test]
        fn what_is_encoded_is_decoded(asset in "[A-Za-z0-9_:-]{1,64}", id in any::<u64>()) {
            let message = ClientMessage::SelectAsset {
                asset: AssetName::parse(&asset).unwrap(),
                request_id: Some(id.into()),
            };
            let text = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(ClientMessage::decode(&text).unwrap(), message);
        }
    }
}
