use std::{fmt, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use subtle::ConstantTimeEq;

use super::{
    Action, App, Grants,
    access::{Access, Denied, OTHER_ROOMS},
    caller::Caller,
    credential::Credential,
    error::HttpError,
};
use crate::model::{AssetName, By, ErrorCode, PlayerName, RoomName};

/// A text that is never shown or logged, and is compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

/// The text is not usable as a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is one line of visible ASCII characters without spaces")]
pub struct InvalidSecret;

impl Secret {
    /// Takes a key as found in a file or an environment variable. Surrounding white space is removed.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the key cannot be sent in a header.
    pub fn new(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim_ascii();
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSecret) }
    }

    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Proof that a request may do what operators may: it shows the admin key, or the server has no keys and verifies no
/// tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admin {
    /// It shows the key.
    pub(super) by_key: bool,
}

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let credential = Credential::of(&parts.headers);
        let access = Access::of(app, credential.as_ref()).await;
        let admin = Self::of(app, access, credential.is_some())?;
        let is_here = parts.extensions.get::<Caller>().is_some_and(|caller| caller.is_here);
        if app.settings.changes_only_here && !admin.by_key && !is_here {
            return Err(forbidden(ONLY_HERE));
        }
        Ok(admin)
    }
}

impl Admin {
    /// Who that is, for events and the log.
    pub(super) fn by(self) -> By {
        if self.by_key { By::Admin } else { By::Anyone }
    }

    /// The proof that a sender with this access has. `shown`: the request shows a credential.
    fn of(app: &App, access: Result<Access, Denied>, shown: bool) -> Result<Self, HttpError> {
        let needs_key = app.settings.admin_key.is_some() || app.tokens.is_some();
        match access {
            Ok(Access::Admin) => Ok(Self { by_key: true }),
            Ok(Access::Anyone) if !needs_key => Ok(Self { by_key: false }),
            Ok(Access::Player(_)) => {
                Err(forbidden("a player's token allows nothing that only operators may do"))
            }
            Ok(Access::Viewer) => Err(forbidden("the viewer key changes nothing")),
            _ if app.settings.admin_key.is_none() => Err(refused(NO_KEY)),
            _ if shown => Err(refused("this is not the admin key")),
            _ => Err(refused("this needs the admin key: send the header Authorization: Bearer KEY")),
        }
    }
}

pub(super) const ONLY_HERE: &str =
    "with --lan this is for the server's own machine, at 127.0.0.1, or for the admin key";
const NO_KEY: &str = "this needs the admin key, and the server has none: start it with --admin-key-file";

/// Whom a request may act for.
pub(super) enum Actor {
    /// Any player.
    Operator(Admin),
    /// The player of a token, as far as the token allows.
    Player(Box<Grants>),
}

impl Actor {
    /// Whether the admin key is shown.
    pub(super) fn shows_admin_key(&self) -> bool {
        matches!(self, Self::Operator(Admin { by_key: true }))
    }

    /// Who asks for the player, if the player does not. Without keys every device that plays over HTTP would be an operator.
    pub(super) fn by(&self) -> Option<By> {
        self.shows_admin_key().then_some(By::Admin)
    }

    /// The player that the request acts for. `named` is the one in its body.
    ///
    /// # Errors
    /// 403 for another player than the token's, or for what the token does not allow; 400 if nobody is named.
    pub(super) fn player(
        &self,
        named: Option<&str>,
        (room, asset): (&RoomName, &AssetName),
        action: Action,
    ) -> Result<PlayerName, HttpError> {
        let named = named.map(PlayerName::parse).transpose()?;
        let grants = match self {
            Self::Operator(_) => {
                return named
                    .ok_or_else(|| HttpError::bad("field \"player\" is missing: the player to act for"));
            }
            Self::Player(grants) => grants,
        };
        if named.is_some_and(|named| named != grants.player) {
            return Err(forbidden("a player's token allows to act for that player only"));
        }
        if !grants.allows_room(room) {
            return Err(forbidden(OTHER_ROOMS));
        }
        if !grants.allows(action, asset) {
            return Err(forbidden(&format!("this token does not allow to {} {asset}", action.word())));
        }
        Ok(grants.player.clone())
    }
}

impl FromRequestParts<Arc<App>> for Actor {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, HttpError> {
        let credential = Credential::of(&parts.headers);
        match Access::of(app, credential.as_ref()).await? {
            Access::Player(grants) => Ok(Self::Player(grants)),
            other => Admin::of(app, Ok(other), credential.is_some()).map(Self::Operator),
        }
    }
}

pub(super) fn forbidden(message: &str) -> HttpError {
    HttpError::new(ErrorCode::Forbidden, message)
}

pub(super) fn refused(message: &str) -> HttpError {
    HttpError::new(ErrorCode::Unauthorized, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new(" hunter2\n").unwrap();
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert!(secret.is(b"hunter2") && !secret.is(b"hunter") && !secret.is(b"hunter22") && !secret.is(b""));
    }

    #[test]
    fn what_cannot_be_sent_is_no_secret() {
        for text in ["", " \n", "two words", "two\nlines", "schlüssel"] {
            assert!(Secret::new(text).is_err(), "{text:?}");
        }
    }
}
