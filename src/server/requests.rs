use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::{
    Action, App,
    caller::{PLAYER_TOO_FAST, TOO_FAST},
    connections::Entry,
    limits::{Limit, Limits},
    rate_limit::RateLimit,
    session_token::{Renewed, SessionToken},
};
use crate::{
    arbiter::{Member, Refusal, Taken},
    model::{
        AssetName, ClientMessage, CloseCode, ErrorCode, Opcode, RequestId, ServerMessage, Token, append_frame,
        append_json,
    },
};

/// A client's requests, and what is to be sent to it.
pub(super) struct Requests {
    pub(super) member: Member,
    /// Pongs, errors and answers to `refresh`, as frames, until the next take.
    own: Vec<u8>,
    own_count: usize,
    /// The errors among them, which are in flight.
    errors: usize,
    pub(super) in_flight: usize,
    max_in_flight: usize,
    /// `None`: the player needs none.
    token: Option<Box<SessionToken>>,
    /// The session must end, because a new token is wrong.
    pub(super) denied: Option<CloseCode>,
    rate: RateLimit,
    limits: Arc<Limits>,
    /// The number of consecutive invalid messages.
    pub(super) bad: u32,
    /// Rate-limited messages minus accepted ones. Not consecutive ones, because the limit lets some of any flood
    /// through.
    pub(super) refused: u32,
}

impl Requests {
    /// `first` is sent before everything else.
    pub(super) fn new(member: Member, first: Vec<u8>, app: &App, token: Option<SessionToken>) -> Self {
        Self {
            member,
            own: first,
            own_count: 0,
            errors: 0,
            in_flight: 0,
            token: token.map(Box::new),
            denied: None,
            max_in_flight: app.settings.in_flight,
            rate: RateLimit::new(app.settings.selects_per_second),
            limits: Arc::clone(&app.limits),
            bad: 0,
            refused: 0,
        }
    }

    /// Whether there may be more requests in flight.
    pub(super) fn are_welcome(&self) -> bool {
        self.in_flight < self.max_in_flight
    }

    /// Appends what is ready: replies and then frames, so that a winner reads its reply first. Counts them in `sent`.
    /// Returns true if more may be ready.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, sent: &mut usize) -> bool {
        out.append(&mut self.own);
        // An idle connection keeps no memory for errors.
        self.own = Vec::new();
        *sent += std::mem::take(&mut self.own_count);
        self.in_flight -= std::mem::take(&mut self.errors);
        let Taken { replies, frames, more } = self.member.take(out);
        self.in_flight = self.in_flight.saturating_sub(replies);
        *sent += replies + frames;
        more
    }

    /// Handles a text message that arrived at `now`.
    pub(super) fn handle(&mut self, text: &str, now: Instant) {
        match ClientMessage::decode(text) {
            Err(rejected) => self.reject(rejected.code, rejected.message, rejected.request_id),
            Ok(message) => match self.too_fast(&message, now) {
                Some(why) => self.reject_rate(message, why),
                None => {
                    (self.bad, self.refused) = (0, self.refused.saturating_sub(1));
                    self.request(message, now);
                }
            },
        }
    }

    /// Refuses a binary message.
    pub(super) fn handle_binary(&mut self) {
        let message = "binary frames are not spoken here; send JSON in text frames";
        self.reject(ErrorCode::BadMessage, message, None);
    }

    /// Answers a ping of the WebSocket protocol.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        append_frame(&mut self.own, Opcode::Pong, payload);
        self.own_count += 1;
    }

    /// Why a message comes too early.
    fn too_fast(&mut self, message: &ClientMessage, now: Instant) -> Option<&'static str> {
        if !self.rate.allows(now) && self.limits.refuses(Limit::SelectsPerSecond) {
            return Some(TOO_FAST);
        }
        let acts = matches!(
            message,
            ClientMessage::SelectAsset { .. }
                | ClientMessage::ReleaseAsset { .. }
                | ClientMessage::ConfirmAsset { .. }
                | ClientMessage::ExtendAsset { .. }
        );
        let player = self.member.player().filter(|_| acts)?;
        (!self.limits.allows_player(player, now)).then_some(PLAYER_TOO_FAST)
    }

    fn request(&mut self, message: ClientMessage, now: Instant) {
        match message {
            ClientMessage::SelectAsset { asset, request_id } => {
                self.act(Action::Select, asset, request_id, |member, asset, id| member.select(asset, id, now));
            }
            ClientMessage::ReleaseAsset { asset, request_id } => {
                self.act(Action::Release, asset, request_id, |member, asset, id| {
                    member.release(asset, id, now)
                });
            }
            ClientMessage::ConfirmAsset { asset, retake, request_id } => {
                self.act(Action::Confirm, asset, request_id, |member, asset, id| {
                    member.confirm(asset, retake, id, now);
                });
            }
            ClientMessage::ExtendAsset { asset, request_id } => {
                self.act(Action::Confirm, asset, request_id, |member, asset, id| member.extend(asset, id, now));
            }
            ClientMessage::Refresh { token, request_id } => self.renew(token, request_id),
            ClientMessage::Sync { request_id } => self.sync(request_id),
            ClientMessage::Ping { request_id } => {
                self.in_flight += 1;
                self.member.pong(request_id);
            }
        }
    }

    /// Makes a request about an asset, if the session's token allows it.
    fn act(
        &mut self,
        action: Action,
        asset: AssetName,
        request_id: Option<RequestId>,
        request: impl FnOnce(&Member, AssetName, Option<RequestId>),
    ) {
        match self.check(action, &asset) {
            Err(why) => self.error(ErrorCode::Forbidden, why, request_id),
            Ok(()) => {
                self.in_flight += 1;
                request(&self.member, asset, request_id);
            }
        }
    }

    /// Whether the session's token was revoked.
    pub(super) fn are_revoked(&mut self) -> bool {
        self.token.as_mut().is_some_and(|token| token.is_revoked())
    }

    fn check(&self, action: Action, asset: &AssetName) -> Result<(), String> {
        self.token.as_ref().map_or(Ok(()), |token| token.check(action, asset))
    }

    fn renew(&mut self, token: Token, request_id: Option<RequestId>) {
        let now = self.member.now();
        let Some(session_token) = &mut self.token else {
            return self.error(ErrorCode::Forbidden, "this connection has no token to replace", request_id);
        };
        // What is being verified counts as in flight until it is answered.
        if session_token.renew(token, request_id.clone(), now) {
            self.in_flight += 1;
        } else {
            self.error(
                ErrorCode::RateLimited,
                "another token is being verified; wait for its reply",
                request_id,
            );
        }
    }

    /// Answers a `refresh` whose token was verified. Returns true if there was one.
    pub(super) fn poll_renewed(&mut self, cx: &mut Context<'_>, entry: &Entry) -> bool {
        let Some(token) = &mut self.token else { return false };
        let Poll::Ready(renewed) = token.poll_renewed(cx, self.member.room_name()) else { return false };
        let expires_at = token.expires_at();
        self.in_flight -= 1;
        match renewed {
            Renewed::Yes { request_id } => {
                let token_ttl_ms = expires_at.saturating_sub(self.member.now());
                entry.expires_in(token_ttl_ms);
                self.reply(&ServerMessage::Refreshed { request_id, token_ttl_ms });
            }
            Renewed::NotNow { request_id, message } => {
                self.error(ErrorCode::StoreUnavailable, message, request_id);
            }
            Renewed::No(code) => self.denied = Some(code),
        }
        true
    }

    fn sync(&mut self, request_id: Option<RequestId>) {
        if let Err(Refusal { code, message, .. }) = self.member.sync() {
            self.error(code, message, request_id);
        }
    }

    fn reject(&mut self, code: ErrorCode, message: impl Into<String>, request_id: Option<RequestId>) {
        self.bad += 1;
        self.error(code, message, request_id);
    }

    fn reject_rate(&mut self, message: ClientMessage, why: &str) {
        self.refused += 1;
        let request_id = match message {
            ClientMessage::SelectAsset { request_id, .. }
            | ClientMessage::ReleaseAsset { request_id, .. }
            | ClientMessage::ConfirmAsset { request_id, .. }
            | ClientMessage::ExtendAsset { request_id, .. }
            | ClientMessage::Sync { request_id }
            | ClientMessage::Refresh { request_id, .. }
            | ClientMessage::Ping { request_id } => request_id,
        };
        self.error(ErrorCode::RateLimited, why, request_id);
    }

    fn error(&mut self, code: ErrorCode, message: impl Into<String>, request_id: Option<RequestId>) {
        self.reply(&ServerMessage::error(code, message, request_id));
    }

    /// Such a reply counts as in flight until it is sent, so invalid messages are subject to the same limit.
    fn reply(&mut self, reply: &ServerMessage) {
        self.in_flight += 1;
        self.errors += 1;
        append_json(&mut self.own, reply);
        self.own_count += 1;
    }
}
