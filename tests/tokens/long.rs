//! A game of bots with short tokens goes on while the keys behind the tokens change, one event after another. The long
//! one is ignored; CONTRIBUTING.md has the command.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use asset_arbiter::{
    bots::{self, AdminKey, Config, Length, MintToken, Report},
    model::{PlayerName, RoomName, Token},
    server::{JwksUrl, Secret, TokenSettings},
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    jwks::{jwk, set},
    provider::Provider,
    signer::Signer,
    support::{
        Closed, Server, Socket, eventually, one_race,
        tokens::{bearer, now},
    },
};

/// The provider's first key and its next one: who signs, and the `kid`.
const OLD: (Signer, &str) = (Signer::Es256, "old");
const NEW: (Signer, &str) = (Signer::EdDsa, "new");
/// A key that no key set has: a token of it makes the server fetch the set again.
const UNKNOWN: (Signer, &str) = (Signer::EdDsa, "unknown");
const OPERATOR: &str = "operator";

#[derive(Debug)]
struct Game {
    players: usize,
    /// Of a token.
    life: Duration,
    /// Selects per second of all players.
    rate: f64,
    /// The times between two events, the start and the end included.
    pauses: [Duration; 5],
}

/// The game's backend, which signs in the provider's name, and counts the tokens of each player.
#[derive(Debug)]
struct Backend {
    key: Mutex<(Signer, &'static str)>,
    life: Duration,
    minted: Mutex<HashMap<PlayerName, u32>>,
}

impl Backend {
    fn token(&self, (signer, kid): (Signer, &str), player: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let claims = json!({
            "iss": "https://login.game.example/", "aud": "asset-arbiter", "sub": player, "iat": now,
            "exp": now + self.life.as_secs_f64(), "arbiter": {"rooms": ["race"]}
        });
        signer.sign(&json!({"alg": signer.alg(), "kid": kid}).to_string(), &claims.to_string())
    }
}

impl MintToken for Backend {
    fn mint(&self, player: &PlayerName, _: &RoomName) -> Result<Token, String> {
        *self.minted.lock().unwrap().entry(player.clone()).or_default() += 1;
        let key = *self.key.lock().unwrap();
        Ok(Token::new(&self.token(key, player.as_str())))
    }
}

/// Everything that an event may touch.
struct Scene {
    server: Server,
    provider: Provider,
    backend: Arc<Backend>,
}

impl Scene {
    async fn new(game: &Game) -> Self {
        let provider = Provider::start(set(&[jwk(OLD.0, OLD.1)])).await;
        let jwks = Some(JwksUrl::parse(&provider.url(), false).unwrap());
        let server = Server::with(|setup| {
            setup.settings.tokens = TokenSettings { jwks, ..TokenSettings::default() };
            setup.settings.admin_key = Some(Secret::new(OPERATOR).unwrap());
        });
        let (key, minted) = (Mutex::new(OLD), Mutex::default());
        let backend = Arc::new(Backend { key, life: game.life, minted });
        Self { server: server.await, provider, backend }
    }

    /// The code with which the server refuses a visitor whose token this key signed; 0: it does not.
    async fn refusal(&self, key: (Signer, &str)) -> u16 {
        let token = self.backend.token(key, "visitor");
        let visitor = Socket::open_with(self.server.address, "race/ws", &bearer(&token)).await;
        match visitor.try_welcomed().await {
            Ok(mut member) => {
                member.leave().await;
                0
            }
            Err(Closed { code, .. }) => code,
        }
    }

    /// What happens during the game.
    async fn events(&mut self, pauses: [Duration; 5]) {
        let [rotation, removal, outage, revocation, end] = pauses;
        sleep(rotation).await;
        self.rotate().await;
        sleep(removal).await;
        self.remove_the_old_key().await;
        sleep(outage).await;
        self.lose_the_provider().await;
        sleep(revocation).await;
        self.revoke_the_visitor().await;
        sleep(end).await;
    }

    /// The provider has one more key, and signs with it from now on.
    async fn rotate(&mut self) {
        assert_eq!(self.refusal(OLD).await, 0);
        self.provider.answer(set(&[jwk(OLD.0, OLD.1), jwk(NEW.0, NEW.1)]));
        *self.backend.key.lock().unwrap() = NEW;
        eventually(0, || self.refusal(NEW)).await;
    }

    async fn remove_the_old_key(&mut self) {
        self.provider.answer(set(&[jwk(NEW.0, NEW.1)]));
        assert_eq!(self.refusal(UNKNOWN).await, 4001);
        assert_eq!((self.refusal(OLD).await, self.refusal(NEW).await), (4101, 0), "fetched a moment ago");
    }

    async fn lose_the_provider(&mut self) {
        self.provider.stop().await;
        assert_ne!(self.refusal(UNKNOWN).await, 0);
        assert_eq!(self.refusal(NEW).await, 0, "the keys fetched last serve on");
    }

    /// The visitor is out within a second, and no new token helps within an hour.
    async fn revoke_the_visitor(&self) {
        let token = self.backend.token(NEW, "visitor");
        let mut visitor =
            Socket::open_with(self.server.address, "race/ws", &bearer(&token)).await.welcomed().await;
        let in_an_hour = now() + 3600;
        let body = json!({"player": "visitor", "issued_before": in_an_hour}).to_string();
        let head = format!("Host: localhost\r\nConnection: close\r\n{}", bearer(OPERATOR));
        let head = format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let answer = self.server.ask(format!("POST /v1/revocations HTTP/1.1\r\n{head}\r\n{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let closed = timeout(SECOND, visitor.closed()).await.expect("out within a second");
        assert_eq!((closed.code, self.refusal(NEW).await), (4003, 4003));
    }
}

async fn play(game: Game) -> Report {
    let mut scene = Scene::new(&game).await;
    let backend = Arc::clone(&scene.backend);
    let time: Duration = game.pauses.iter().sum();
    let config = Config {
        players: game.players,
        assets: 10,
        length: Length::Time(time),
        rate: game.rate,
        admin_key: Some(AdminKey::parse(OPERATOR).unwrap()),
        tokens: Some(backend.clone()),
        ..one_race(&[scene.server.address])
    };
    let (report, ()) = tokio::join!(bots::run(config), scene.events(game.pauses));
    let report = report.unwrap();
    let text = bots::text(&report);
    println!("{text}");
    assert!(report.held(), "{text}");
    assert_eq!((report.reconnects.total, report.errors.len()), (0, 0), "nobody noticed: {text}");
    // A token is replaced after at most four fifths of its life. One life is left for delays.
    let at_least = (time.as_secs_f64() / (game.life.as_secs_f64() * 0.8)) as u32 - 1;
    let minted = backend.minted.lock().unwrap();
    let fewest = minted.values().min().copied().unwrap();
    assert!(minted.len() == game.players && fewest > at_least, "{fewest} tokens of a player, {at_least} lives");
    let shown: u32 = minted.values().sum();
    let in_flight = u64::from(shown) - game.players as u64 - report.refreshes;
    assert!(in_flight <= game.players as u64 / 10, "{in_flight} of {shown} tokens without an answer");
    report
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_the_key_is_rotated_and_the_provider_dies() {
    // An unknown key makes the server fetch the set at most every 10 s.
    let pauses = [2 * SECOND, 11 * SECOND, SECOND, SECOND, 2 * SECOND];
    play(Game { players: 50, life: 2 * SECOND, rate: 100.0, pauses }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes"]
async fn a_thousand_players_do_not_notice_either_for_three_minutes() {
    let report = play(Game { players: 1000, life: 30 * SECOND, rate: 2000.0, pauses: [36 * SECOND; 5] }).await;
    assert!(report.refreshes > 6000, "{}", report.refreshes);
}
