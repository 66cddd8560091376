use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App,
    access::Access,
    auth::{ONLY_HERE, forbidden, refused},
    caller::Caller,
    credential::Credential,
    error::HttpError,
};

/// Proof that a request may look at all rooms and players: it shows the admin key or the viewer key, or the server has no
/// keys and verifies no tokens.
pub(super) struct Operator(pub(super) Role);

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Role {
    /// Everything.
    Admin,
    /// Look.
    Viewer,
}

const NO_KEYS: &str = "this needs the admin key or the viewer key, and the server has neither: start it with \
                       --admin-key-file or --viewer-key-file";

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let credential = Credential::of(&parts.headers);
        let has_keys = app.settings.admin_key.is_some() || app.settings.viewer_key.is_some();
        match Access::of(app, credential.as_ref()).await {
            Ok(Access::Admin) => Ok(Self(Role::Admin)),
            Ok(Access::Viewer) => Ok(Self(Role::Viewer)),
            Ok(Access::Anyone) if !has_keys => {
                let is_here = parts.extensions.get::<Caller>().is_some_and(|caller| caller.is_here);
                let is_allowed = is_here || !app.settings.changes_only_here;
                is_allowed.then_some(Self(Role::Admin)).ok_or_else(|| forbidden(ONLY_HERE))
            }
            Ok(Access::Player(_)) => {
                Err(forbidden("a player's token does not show what only operators may see"))
            }
            _ if !has_keys => Err(refused(NO_KEYS)),
            _ if credential.is_some() => Err(refused("this is neither the admin key nor the viewer key")),
            _ => {
                let message =
                    "this needs the admin key or the viewer key: send the header Authorization: Bearer KEY";
                Err(refused(message))
            }
        }
    }
}
