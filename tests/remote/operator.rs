use std::time::Duration;

use crate::{
    engines::eventually,
    support::{Process, call, metrics},
};

/// The binary on a store, and what those who run it see.
pub struct Operator(Process);

/// Gives up on a store soon, so that nobody here waits for it.
const FLAGS: [&str; 4] = ["--select-deadline", "1s", "--resync-interval", "1s"];

impl Operator {
    /// A node that is ready, of which this asset was created.
    pub async fn of(url: &str) -> Self {
        let operator = Self::start(url, &[]).await;
        operator.is_ready().await;
        operator.create("sword").await;
        operator
    }

    /// A node that may wait for its store.
    pub async fn start(url: &str, env: &[(&str, &str)]) -> Self {
        Self(Process::start_with_env(&[&["--store", url], &FLAGS[..]].concat(), env).await)
    }

    /// Head and body of the answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> String {
        call(self.0.address, method, path, body).await
    }

    pub async fn is_ready(&self) {
        let ready = async || self.ask("GET", "/readyz", "").await.starts_with("HTTP/1.1 200").then_some(());
        eventually("the node to be ready", ready).await;
    }

    async fn create(&self, asset: &str) {
        let answer = self.ask("PUT", &format!("/v1/rooms/r/assets/{asset}"), r#"{"units":9}"#).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    async fn select(&self, player: &str) -> String {
        let body = format!(r#"{{"player":"{player}"}}"#);
        self.ask("POST", "/v1/rooms/r/assets/sword/select", &body).await
    }

    /// A select is refused, in words that are fit for a player; and the store's own words are in the log, under its cause,
    /// in the metrics, and what the node is not ready for.
    pub async fn sees(&self, cause: &str, words: &str) {
        let refused = async || {
            let answer = self.select("ann").await;
            assert!(!answer.starts_with("HTTP/1.1 200") && !answer.contains(words), "{answer}");
            let told =
                answer.contains("the store refuses changes at present") || answer.contains("outcome_unknown");
            told.then_some(())
        };
        eventually("the select to be refused by the store", refused).await;
        self.is_not_ready(words).await;
        assert!(
            self.0.has_logged(words) && self.0.has_logged(&format!(r#""kind":"{cause}""#)),
            "the log says why"
        );
        let counter = format!(r#"kind="{cause}"}} "#);
        let shown = metrics(self.0.address).await;
        let mut lines = shown.lines().filter(|line| line.starts_with("asset_arbiter_store_errors_total"));
        assert!(lines.any(|line| line.contains(&counter) && !line.ends_with(" 0")), "{counter} in {shown}");
    }

    /// It says what it waits for.
    pub async fn is_not_ready(&self, words: &str) {
        let says_so = async || {
            let answer = self.ask("GET", "/readyz", "").await;
            assert!(!answer.contains("hunter2"), "{answer}");
            (answer.starts_with("HTTP/1.1 503") && answer.contains(words)).then_some(())
        };
        eventually(&format!("/readyz to say {words:?}"), says_so).await;
    }

    /// All is well again, and said.
    pub async fn recovers(&self) {
        self.is_ready().await;
        eventually("it to be said", async || self.logged("the store takes changes again")).await;
        let granted = async || self.select("ann").await.starts_with("HTTP/1.1 200").then_some(());
        eventually("the select to be granted", granted).await;
    }

    fn logged(&self, words: &str) -> Option<()> {
        self.0.has_logged(words).then_some(())
    }

    /// Selects fail, the log says why, and the node stays ready.
    pub async fn keeps_ready_while_away(&self, cause: &str) {
        let away = async || {
            let answer = self.select("bob").await;
            (answer.contains("could not be reached") || answer.contains("outcome_unknown")).then_some(())
        };
        eventually("the store to be away", away).await;
        eventually("it to be said", async || self.logged(&format!(r#""kind":"{cause}""#))).await;
        assert!(self.ask("GET", "/readyz", "").await.starts_with("HTTP/1.1 200"));
    }

    /// The node waits, and says in one line a minute for what.
    pub async fn waits_for(&self, words: &str) {
        self.is_not_ready(words).await;
        eventually("it to be said", async || self.logged(words)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(self.0.count_logged("the store takes no changes"), 1, "it is said once a minute");
    }
}

/// The binary on a host that has no address waits for it, as a name may be known later.
pub async fn waits_for_a_name(url: &str, env: &[(&str, &str)]) {
    let operator = Operator::start(url, env).await;
    operator.waits_for("waiting until it is found").await;
    let mut process = operator.0;
    assert!(process.child.try_wait().unwrap().is_none(), "it does not end");
}
