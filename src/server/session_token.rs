use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::{
    Action, Grants, TokenError, Tokens,
    access::{OTHER_ROOMS, REVOKED, close_code},
};
use crate::{
    arbiter::Revocations,
    model::{AssetName, CloseCode, Millis, RequestId, RoomName, Token},
};

/// The player token of a session: what it allows, and its renewal.
pub(super) struct SessionToken {
    tokens: Arc<Tokens>,
    revocations: Arc<Revocations>,
    grants: Box<Grants>,
    /// As of the revocations' generation.
    revoked: (bool, u64),
    renewal: Option<Renewal>,
}

/// A token that is being verified.
struct Renewal {
    request_id: Option<RequestId>,
    verified: Pin<Box<dyn Future<Output = Result<Grants, TokenError>> + Send>>,
}

/// What became of a `refresh`.
pub(super) enum Renewed {
    /// The new token holds from now on.
    Yes { request_id: Option<RequestId> },
    /// The keys cannot be fetched. The old token goes on.
    NotNow { request_id: Option<RequestId>, message: String },
    /// The token is wrong: the session ends.
    No(CloseCode),
}

impl SessionToken {
    pub(super) fn new(tokens: Arc<Tokens>, revocations: Arc<Revocations>, grants: Box<Grants>) -> Self {
        Self { tokens, revocations, grants, revoked: (false, 0), renewal: None }
    }

    /// Whether the token was revoked.
    pub(super) fn is_revoked(&mut self) -> bool {
        let generation = self.revocations.generation();
        if self.revoked.1 != generation {
            self.revoked = (self.revocations.is_revoked(&self.grants.token()), generation);
        }
        self.revoked.0
    }

    /// When the token ends, in Unix milliseconds.
    pub(super) fn expires_at(&self) -> Millis {
        self.grants.expires_at
    }

    /// Checks that the player may do this.
    ///
    /// # Errors
    /// A sentence for the client.
    pub(super) fn check(&self, action: Action, asset: &AssetName) -> Result<(), String> {
        if !self.grants.can(action) {
            return Err(format!("this token does not allow to {}", action.word()));
        }
        if !self.grants.allows_asset(asset) {
            return Err(format!("this token is not for {asset}"));
        }
        Ok(())
    }

    /// Begins to verify a new token. Returns false if another one is being verified.
    pub(super) fn renew(&mut self, token: Token, request_id: Option<RequestId>, now: Millis) -> bool {
        if self.renewal.is_some() {
            return false;
        }
        let tokens = Arc::clone(&self.tokens);
        let verified = Box::pin(async move { tokens.verify(token.as_str(), now).await });
        self.renewal = Some(Renewal { request_id, verified });
        true
    }

    /// Ready when a token was verified in `room`. Pending, too, if none is.
    pub(super) fn poll_renewed(&mut self, cx: &mut Context<'_>, room: &RoomName) -> Poll<Renewed> {
        let Some(renewal) = &mut self.renewal else { return Poll::Pending };
        let verified = ready!(renewal.verified.as_mut().poll(cx));
        let request_id = renewal.request_id.take();
        self.renewal = None;
        Poll::Ready(match verified {
            Ok(grants) => match self.replace(grants, room) {
                Ok(()) => Renewed::Yes { request_id },
                Err(why) => {
                    tracing::debug!(why, "a new token was refused");
                    Renewed::No(CloseCode::Forbidden)
                }
            },
            Err(error) => match close_code(&error) {
                CloseCode::StoreAway => Renewed::NotNow { request_id, message: error.for_client().to_owned() },
                code => {
                    tracing::debug!(%error, "a new token was refused");
                    Renewed::No(code)
                }
            },
        })
    }

    /// The new token must be of the same player and for the same room. What it does not allow any more ends at once.
    fn replace(&mut self, grants: Grants, room: &RoomName) -> Result<(), &'static str> {
        if grants.player != self.grants.player {
            return Err("it is another player's");
        }
        if !grants.allows_room(room) {
            return Err(OTHER_ROOMS);
        }
        if self.revocations.is_revoked(&grants.token()) {
            return Err(REVOKED);
        }
        *self.grants = grants;
        Ok(())
    }
}
