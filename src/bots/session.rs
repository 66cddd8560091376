use std::time::Duration;

use futures::{FutureExt, SinkExt, StreamExt, future::OptionFuture};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::model::{AssetName, ClientMessage, ErrorCode, Token};

use super::{
    bot::Bot,
    frame::{Frame, Snapshot},
    limits::{FAREWELL, MESSAGES_PER_TURN, PATIENCE},
    member::{Answer, Confirmation},
    pending::{Request, Step},
    reconnect::End,
    refresh::Refresh,
    socket::{self, Socket},
};

/// One connection of a bot, from the welcome to the close.
pub(super) struct Session<'a> {
    bot: &'a mut Bot,
    socket: Socket,
    /// The silence timeout. The server pings, so a longer silence means that it is unreachable.
    silence: Duration,
    /// A message arrived since the last check of the timeout.
    heard: bool,
    proved: bool,
    /// The bot leaves the room until the next round.
    leaves: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(bot: &'a mut Bot, socket: Socket, ping_interval: Duration) -> Self {
        let pings = ping_interval.saturating_mul(2).saturating_add(Duration::from_secs(10));
        let silence = if ping_interval.is_zero() { PATIENCE } else { pings };
        Self { bot, socket, silence, heard: false, proved: false, leaves: false }
    }

    /// Sends due requests and reads messages until the connection ends.
    pub(super) async fn run(mut self) -> End {
        let mut leaving = self.bot.follow();
        let mut clock = Box::pin(sleep(self.silence));
        loop {
            if leaving {
                socket::say_goodbye(self.socket).await;
                return End::Left;
            }
            let wake = match self.send().await {
                Ok(Step::Wait(wake)) => wake.into_iter().chain(self.bot.refresh.due()).min(),
                Ok(Step::Send { .. }) => return socket::cut(self.socket),
                Err(_) => return self.last_words().await,
            };
            let end = tokio::select! {
                biased;
                incoming = self.socket.next() => self.take(incoming),
                Some(()) = OptionFuture::from(wake.map(sleep_until)) => None,
                changed = self.bot.phase.changed(), if self.bot.task.is_none() => {
                    leaving = changed.is_err() || self.bot.follow();
                    None
                }
                () = clock.as_mut() => {
                    clock.as_mut().reset(Instant::now() + self.silence);
                    (!std::mem::take(&mut self.heard)).then_some(End::Lost("silence"))
                }
            };
            if let Some(end) = end.or_else(|| self.drain()) {
                if end == End::Away {
                    socket::say_goodbye(self.socket).await;
                }
                return end;
            }
        }
    }

    /// Sends a refresh if one is due, and all due requests, in one write. Returns the next step: to wait, or the
    /// request after which to cut.
    async fn send(&mut self) -> Result<Step, Error> {
        let mut flush = self.refresh().await?;
        let mut last = Step::Wait(None);
        while let Some(task) = &mut self.bot.task {
            last = task.pending.next_step(Instant::now());
            let Step::Send { request, cut } = last else { break };
            let id = task.round.request_id(request);
            let text = match request {
                Request::Select(asset) => {
                    self.bot.recorder.sent(asset);
                    select(task.round.names[asset].clone(), id)
                }
                Request::Confirm(asset) => confirm(task.round.names[asset].clone(), id),
            };
            self.socket.feed(Message::text(text)).await?;
            flush = true;
            if cut {
                break;
            }
        }
        if flush {
            self.socket.flush().await?;
        }
        Ok(last)
    }

    /// Writes a refresh if one is due. Returns false if none is. Without a new token the connection ends with the old
    /// one.
    async fn refresh(&mut self) -> Result<bool, Error> {
        if !self.bot.refresh.begins(Instant::now()) {
            return Ok(false);
        }
        let Ok(Some(token)) = self.bot.mint() else {
            self.bot.shared.error("no_token");
            return Ok(false);
        };
        self.socket.feed(Message::text(refresh(token))).await?;
        Ok(true)
    }

    /// Handles the messages that have arrived already, so that one flush responds to all of them.
    fn drain(&mut self) -> Option<End> {
        for _ in 0..MESSAGES_PER_TURN {
            let incoming = self.socket.next().now_or_never()?;
            if let Some(end) = self.take(incoming) {
                return Some(end);
            }
        }
        None
    }

    /// After a failed write, reads the remaining messages, above all the close code.
    async fn last_words(&mut self) -> End {
        let words = async {
            loop {
                let incoming = self.socket.next().await;
                if let Some(end) = self.take(incoming) {
                    return end;
                }
            }
        };
        timeout(FAREWELL, words).await.unwrap_or(End::Lost("connection_lost"))
    }

    fn take(&mut self, incoming: Option<Result<Message, Error>>) -> Option<End> {
        self.heard = true;
        match incoming {
            Some(Ok(Message::Text(text))) => {
                self.hear(&text);
                return self.leaves.then_some(End::Away);
            }
            Some(Ok(Message::Close(frame))) => return Some(socket::closed(frame)),
            Some(Ok(Message::Binary(_))) => self.bot.shared.error("binary_message"),
            Some(Ok(_)) => {}
            None | Some(Err(_)) => return Some(End::Lost("connection_lost")),
        }
        None
    }

    fn hear(&mut self, text: &str) {
        if !self.proved {
            self.proved = true;
            self.bot.reconnect.proved(Instant::now());
        }
        match Frame::decode(text) {
            Some(Frame::Change { offset, asset, revision, fact }) => {
                self.advance(offset);
                self.bot.recorder.hear(self.bot.node(), asset, revision, &fact);
            }
            Some(Frame::Selection { request_id, asset, answer }) => self.answered(request_id, asset, answer),
            Some(Frame::Confirmation { request_id, asset, answer }) => {
                self.confirmed(request_id, asset, answer);
            }
            Some(Frame::Presence { offset }) => self.advance(offset),
            Some(Frame::Snapshot(snapshot)) => self.replace(&snapshot),
            Some(Frame::Error { request_id, code, temporary }) => self.refused(request_id, code, temporary),
            Some(Frame::Refreshed { token_ttl_ms }) => {
                self.bot.refresh.holds(Some(Duration::from_millis(token_ttl_ms)), Instant::now());
                self.bot.shared.tally.lock().refreshes += 1;
            }
            Some(Frame::Other) => {}
            Some(Frame::Welcome(_)) => self.bot.shared.error("second_welcome"),
            None => self.bot.shared.error("unreadable_message"),
        }
    }

    fn advance(&mut self, offset: u64) {
        if !self.bot.cursor.frame(offset) {
            self.bot.shared.error("offset_gap");
        }
    }

    fn replace(&mut self, snapshot: &Snapshot<'_>) {
        if snapshot.part <= 1 {
            self.bot.recorder.begin_state();
            self.bot.shared.tally.lock().snapshots += 1;
        }
        self.bot.recorder.learn(&snapshot.assets);
        self.bot.cursor.snapshot(snapshot.offset, snapshot.part, snapshot.parts);
    }

    fn answered(&mut self, request_id: Option<u64>, asset: &str, answer: Answer) {
        let Some(Request::Select(index)) = self.replied(request_id, asset) else {
            return self.bot.shared.error("reply_unasked");
        };
        self.bot.recorder.answered(index, answer);
        if let (Answer::Granted { .. }, Some(task)) = (answer, &mut self.bot.task) {
            task.pending.granted(index, Instant::now());
        }
        self.rest_if_done();
    }

    fn confirmed(&mut self, request_id: Option<u64>, asset: &str, answer: Confirmation) {
        let Some(Request::Confirm(index)) = self.replied(request_id, asset) else {
            return self.bot.shared.error("reply_unasked");
        };
        self.bot.recorder.confirmed(index, answer);
        self.rest_if_done();
    }

    /// The request that a reply about `asset` answers; `None` if it answers none.
    fn replied(&mut self, request_id: Option<u64>, asset: &str) -> Option<Request> {
        let task = self.bot.task.as_mut()?;
        let request = task.round.requested(request_id?)?;
        let (Request::Select(index) | Request::Confirm(index)) = request;
        (task.round.names[index].as_str() == asset && task.pending.answered(request)).then_some(request)
    }

    fn refused(&mut self, request_id: Option<u64>, code: Option<ErrorCode>, temporary: bool) {
        self.bot.shared.error(code.map_or("unknown_error", ErrorCode::as_str));
        let reconnect = &mut self.bot.reconnect;
        if request_id == Some(Refresh::REQUEST_ID) {
            if temporary {
                self.bot.refresh.try_later(Instant::now(), |tries| reconnect.wait(tries));
            }
            return;
        }
        let Some(task) = &mut self.bot.task else { return };
        let Some(request) = request_id.and_then(|id| task.round.requested(id)) else { return };
        let over = if temporary {
            !task.pending.try_later(request, Instant::now(), |tries| reconnect.wait(tries))
        } else {
            task.pending.answered(request)
        };
        if !over {
            return;
        }
        match request {
            Request::Select(index) if temporary => self.bot.recorder.answered(index, Answer::Unknown),
            Request::Select(index) => self.bot.recorder.answered(index, Answer::Refused),
            // The server remembers a limited number of ends. This one was long ago.
            Request::Confirm(index) if code == Some(ErrorCode::NotHeld) => {
                self.bot.recorder.confirmed(index, Confirmation::TooLate);
            }
            Request::Confirm(index) => self.bot.recorder.confirmed(index, Confirmation::Undecided),
        }
        self.rest_if_done();
    }

    fn rest_if_done(&mut self) {
        if let Some(task) = self.bot.task.as_ref().filter(|task| task.pending.done()) {
            self.leaves = task.pending.leaves();
            self.bot.task = None;
            self.bot.recorder.rest();
        }
    }
}

fn select(asset: AssetName, request_id: u64) -> String {
    encode(&ClientMessage::SelectAsset { asset, request_id: Some(request_id.into()) })
}

fn confirm(asset: AssetName, request_id: u64) -> String {
    encode(&ClientMessage::ConfirmAsset { asset, retake: false, request_id: Some(request_id.into()) })
}

fn refresh(token: Token) -> String {
    encode(&ClientMessage::Refresh { token, request_id: Some(Refresh::REQUEST_ID.into()) })
}

fn encode(message: &ClientMessage) -> String {
    serde_json::to_string(message).expect("our messages have string keys and no failing fields")
}
