//! Who sends a request, and what the sender may do.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::{App, Grants, TokenError, TokenErrorKind, credential::Credential, error::HttpError};
use crate::model::{CloseCode, ErrorCode, RoomName};

/// Who sends a request.
#[derive(Debug)]
pub(super) enum Access {
    /// Whoever it is: this server verifies no tokens, and the request shows no key.
    Anyone,
    /// An operator, who may do everything.
    Admin,
    /// An operator who may look.
    Viewer,
    /// The player of a token.
    Player(Box<Grants>),
}

/// Why a request is refused before anything is looked at.
#[derive(Debug)]
pub(super) struct Denied {
    pub(super) close: CloseCode,
    /// For the client.
    pub(super) message: String,
    /// For the log.
    pub(super) reason: String,
    /// How long the client is to wait at least.
    pub(super) wait: Duration,
}

/// Short enough for a close frame.
const MISSING: &str = "no player token: send Authorization: Bearer, or the subprotocol bearer.TOKEN";

impl Access {
    /// Finds out who shows a credential.
    ///
    /// # Errors
    /// [`Denied`] if the server verifies tokens and the credential is missing or wrong.
    pub(super) async fn of(app: &App, credential: Option<&Credential>) -> Result<Self, Denied> {
        if let Some(credential) = credential {
            if credential.is(app.settings.admin_key.as_ref()) {
                return Ok(Self::Admin);
            }
            if credential.is(app.settings.viewer_key.as_ref()) {
                return Ok(Self::Viewer);
            }
        }
        let Some(tokens) = &app.tokens else { return Ok(Self::Anyone) };
        let credential = credential.ok_or_else(|| Denied::new(CloseCode::Unauthorized, MISSING))?;
        let grants = tokens.verify(credential.token(), app.arbiter.now()).await?;
        let access = Self::Player(Box::new(grants));
        access.check_revoked(app)?;
        Ok(access)
    }

    /// Asks the store whether the token was revoked, unless it was asked a moment ago: this node may not have heard of it.
    ///
    /// # Errors
    /// [`Denied`] if it was, or if the store has not answered once.
    pub(super) async fn ask_store(&self, app: &App) -> Result<(), Denied> {
        if !matches!(self, Self::Player(_)) {
            return Ok(());
        }
        let asked = app.arbiter.revocations().refresh().await;
        asked.map_err(|refusal| Denied::new(CloseCode::StoreAway, refusal.message))?;
        self.check_revoked(app)
    }

    fn check_revoked(&self, app: &App) -> Result<(), Denied> {
        match self {
            Self::Player(grants) if app.arbiter.revocations().is_revoked(&grants.token()) => {
                Err(Denied::new(CloseCode::Forbidden, REVOKED))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the sender may read a room over HTTP.
    ///
    /// # Errors
    /// 401 without a credential where one is needed; 403 for a token of other rooms.
    pub(super) fn may_read(&self, app: &App, room: &RoomName) -> Result<(), HttpError> {
        match self {
            Self::Admin | Self::Viewer => Ok(()),
            Self::Player(grants) if grants.allows_room(room) => Ok(()),
            Self::Player(_) => Err(HttpError::new(ErrorCode::Forbidden, OTHER_ROOMS)),
            Self::Anyone if app.settings.viewer_key.is_none() => Ok(()),
            Self::Anyone => {
                let message = "reading a room needs the viewer key: send the header Authorization: Bearer KEY";
                Err(HttpError::new(ErrorCode::Unauthorized, message))
            }
        }
    }
}

/// Why a token allows nothing any longer.
pub(super) const REVOKED: &str = "this token was revoked";
/// Why a token does not open a room.
pub(super) const OTHER_ROOMS: &str = "this token is for other rooms";

impl Denied {
    pub(super) fn new(close: CloseCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { close, reason: message.clone(), message, wait: Duration::ZERO }
    }
}

impl From<TokenError> for Denied {
    fn from(error: TokenError) -> Self {
        Self { reason: error.to_string(), ..Self::new(close_code(&error), error.for_client()) }
    }
}

/// How a connection ends that shows a wrong token.
pub(super) fn close_code(error: &TokenError) -> CloseCode {
    match error.kind() {
        TokenErrorKind::Invalid => CloseCode::Unauthorized,
        TokenErrorKind::Expired => CloseCode::TokenExpired,
        TokenErrorKind::KeysAway => CloseCode::StoreAway,
    }
}

impl From<Denied> for HttpError {
    fn from(Denied { close, message, .. }: Denied) -> Self {
        match close {
            CloseCode::StoreAway => {
                Self::new(ErrorCode::StoreUnavailable, message).with_status(StatusCode::SERVICE_UNAVAILABLE)
            }
            CloseCode::Forbidden => Self::new(ErrorCode::Forbidden, message),
            CloseCode::Duplicate => Self::new(ErrorCode::Conflict, message),
            _ => Self::new(ErrorCode::Unauthorized, message),
        }
    }
}

/// The sender of an HTTP request.
impl FromRequestParts<Arc<App>> for Access {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        Ok(Self::of(app, Credential::of(&parts.headers).as_ref()).await?)
    }
}
