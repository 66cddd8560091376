//! The key set, from a small HTTP server that can be slow, wrong and away.

use std::{sync::Arc, time::Duration};

use asset_arbiter::server::{Grants, JwksUrl, TokenError, TokenErrorKind, TokenSettings, Tokens};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use tokio::time::{Instant, advance, pause, resume, sleep, timeout};

use crate::{
    provider::{Answer, Provider},
    signer::{NOW, Signer, claims, verify},
};

/// The JWK of a signer's key.
pub(crate) fn jwk(signer: Signer, kid: &str) -> Value {
    let text = |bytes: &[u8]| BASE64.encode(bytes);
    let der = pem::parse(signer.key_file()).map(pem::Pem::into_contents).unwrap_or_default();
    match signer {
        Signer::Es256 => {
            let (x, y) = der[der.len() - 64..].split_at(32);
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": text(x), "y": text(y)})
        }
        Signer::EdDsa => json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": text(&der[der.len() - 32..])}),
        // SEQUENCE { INTEGER n (a zero and 256 bytes), INTEGER e (3 bytes) } ends the DER.
        Signer::Rs256 => {
            let (n, e) = (&der[der.len() - 261..der.len() - 5], &der[der.len() - 3..]);
            json!({"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": text(n), "e": text(e)})
        }
        Signer::Hs256 => json!({"kty": "oct", "kid": kid, "k": text(&signer.key_file())}),
    }
}

pub(crate) fn set(keys: &[Value]) -> Answer {
    Answer::json(&json!({ "keys": keys }))
}

/// A token whose header names the key. `iss` is free with a key set.
fn token(signer: Signer, kid: &str) -> String {
    let header = json!({"alg": signer.alg(), "kid": kid}).to_string();
    signer.sign(&header, &claims("https://login.game.example/").to_string())
}

fn tokens(provider: &Provider) -> Arc<Tokens> {
    let jwks = Some(JwksUrl::parse(&provider.url(), false).unwrap());
    Tokens::new(&TokenSettings { jwks, ..TokenSettings::default() })
}

async fn try_token(tokens: &Tokens, signer: Signer, kid: &str) -> Result<Grants, TokenError> {
    verify(tokens, &token(signer, kid)).await
}

/// Lets time pass for timers, but not for sockets.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

/// Waits until the provider was asked that often and the last answer was taken.
async fn asked(provider: &Provider, times: usize) {
    let reached = async {
        while provider.asked() < times {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), reached).await.expect("the provider is asked");
}

#[tokio::test]
async fn a_key_set_verifies_tokens_of_every_public_kind() {
    let signers = [Signer::Es256, Signer::EdDsa, Signer::Rs256];
    let keys: Vec<_> = signers.iter().map(|signer| jwk(*signer, signer.alg())).collect();
    let provider = Provider::start(set(&keys)).await;
    let tokens = tokens(&provider);
    for signer in signers {
        let grants = try_token(&tokens, signer, signer.alg()).await.unwrap();
        assert_eq!((grants.player.as_str(), grants.key.as_str()), ("ann", signer.alg()));
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn the_kid_decides_the_key_and_the_key_the_algorithm() {
    let secret = jwk(Signer::Hs256, "secret");
    let provider = Provider::start(set(&[jwk(Signer::Es256, "a"), jwk(Signer::EdDsa, "b"), secret])).await;
    let tokens = tokens(&provider);
    for (signer, kid, expected) in [
        (Signer::EdDsa, "a", "alg is not ES256"),
        (Signer::Hs256, "b", "alg is not EdDSA"),
        (Signer::Hs256, "secret", "no key secret"),
        (Signer::Es256, "../../etc/passwd", "there is no key, which"),
    ] {
        // An unknown key is looked for at most every ten seconds.
        pass(Duration::from_secs(10)).await;
        let error = try_token(&tokens, signer, kid).await.unwrap_err();
        assert!(
            error.kind() == TokenErrorKind::Invalid && error.to_string().contains(expected),
            "{kid}: {error}"
        );
    }
    let error = verify(&tokens, &Signer::Es256.token(&claims("x"))).await.unwrap_err();
    assert!(error.to_string().contains("no kid"), "{error}");
}

/// With both, `iss` decides first, so that a key set can never speak for a key of the operator's.
#[tokio::test]
async fn a_key_of_the_operator_is_not_looked_for_in_the_key_set() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "kid-1")])).await;
    let jwks = Some(JwksUrl::parse(&provider.url(), false).unwrap());
    let keys = vec![Signer::EdDsa.key("own")];
    let tokens = Tokens::new(&TokenSettings { keys, jwks, ..TokenSettings::default() });
    assert!(try_token(&tokens, Signer::Es256, "kid-1").await.is_ok());
    assert!(verify(&tokens, &Signer::EdDsa.token(&claims("own"))).await.is_ok());
    let posing = Signer::Es256.sign(r#"{"alg":"ES256","kid":"kid-1"}"#, &claims("own").to_string());
    assert!(verify(&tokens, &posing).await.unwrap_err().to_string().contains("key own"));
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "old")])).await;
    let tokens = tokens(&provider);
    assert!(try_token(&tokens, Signer::Es256, "old").await.is_ok());
    provider.answer(set(&[jwk(Signer::EdDsa, "new"), jwk(Signer::Es256, "old")]));
    assert!(try_token(&tokens, Signer::EdDsa, "new").await.is_ok());
    assert!(try_token(&tokens, Signer::Es256, "old").await.is_ok());
    assert_eq!(provider.asked(), 2);
    provider.answer(set(&[jwk(Signer::EdDsa, "new")]));
    pass(Duration::from_secs(301)).await;
    asked(&provider, 3).await;
    let removed = async {
        while try_token(&tokens, Signer::Es256, "old").await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), removed).await.expect("a removed key ends with the next fetch");
}

#[tokio::test]
async fn a_storm_of_unknown_keys_fetches_once_in_ten_seconds() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "k")])).await;
    let tokens = tokens(&provider);
    assert!(try_token(&tokens, Signer::Es256, "k").await.is_ok());
    for wave in 1..=3 {
        let mut storm = tokio::task::JoinSet::new();
        for player in 0..200 {
            let tokens = Arc::clone(&tokens);
            storm.spawn(async move { try_token(&tokens, Signer::Es256, &format!("made-up-{player}")).await });
        }
        // Who comes after the fetch is told to try again, because the key may be new.
        let mut kinds = Vec::new();
        while let Some(verdict) = storm.join_next().await {
            kinds.push(verdict.unwrap().unwrap_err().kind());
        }
        assert!(kinds.contains(&TokenErrorKind::Invalid) && !kinds.contains(&TokenErrorKind::Expired));
        assert_eq!(provider.asked(), 1 + wave);
        pass(Duration::from_secs(9)).await;
        let error = try_token(&tokens, Signer::Es256, "made-up").await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::KeysAway);
        assert_eq!(provider.asked(), 1 + wave, "nine seconds later there is no other fetch");
        pass(Duration::from_secs(1)).await;
    }
}

/// Somebody showed an unknown key a moment before. Nobody is turned away for good because of that.
#[tokio::test]
async fn a_rotation_right_after_a_strangers_token_costs_a_retry() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "old")])).await;
    let tokens = tokens(&provider);
    assert!(try_token(&tokens, Signer::Es256, "old").await.is_ok());
    assert!(try_token(&tokens, Signer::Es256, "made-up").await.is_err());
    provider.answer(set(&[jwk(Signer::EdDsa, "new"), jwk(Signer::Es256, "old")]));
    let error = try_token(&tokens, Signer::EdDsa, "new").await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::KeysAway, "it comes back");
    pass(Duration::from_secs(10)).await;
    assert!(try_token(&tokens, Signer::EdDsa, "new").await.is_ok());
}

#[tokio::test]
async fn while_the_provider_is_away_the_old_keys_serve() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "k")])).await;
    let tokens = tokens(&provider);
    assert!(try_token(&tokens, Signer::Es256, "k").await.is_ok());
    for (at, answer) in [
        Answer::Hang,
        Answer::Cut,
        Answer::status(500),
        Answer::text("<html>sorry</html>"),
        Answer::text("{\"keys\":{}}"),
        Answer::redirect("http://127.0.0.1:1/keys"),
        Answer::Endless,
    ]
    .into_iter()
    .enumerate()
    {
        let shown = format!("{answer:?}");
        provider.answer(answer);
        pass(Duration::from_secs(11)).await;
        let started = Instant::now();
        let error = try_token(&tokens, Signer::EdDsa, "new").await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::KeysAway, "{shown}: {error}");
        assert!(started.elapsed() < Duration::from_secs(7), "{shown}");
        assert!(provider.asked() > at + 1, "{shown}");
        assert!(try_token(&tokens, Signer::Es256, "k").await.is_ok(), "{shown}");
    }
    provider.answer(set(&[jwk(Signer::EdDsa, "new")]));
    pass(Duration::from_secs(61)).await;
    let back = async {
        while try_token(&tokens, Signer::EdDsa, "new").await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), back).await.expect("the provider is back");
}

#[tokio::test]
async fn a_start_without_the_provider_works_and_goes_on_trying() {
    let provider = Provider::start(Answer::status(503)).await;
    let tokens = tokens(&provider);
    assert_eq!(try_token(&tokens, Signer::Es256, "k").await.unwrap_err().kind(), TokenErrorKind::KeysAway);
    provider.answer(set(&[jwk(Signer::Es256, "k")]));
    let asked_before = provider.asked();
    pass(Duration::from_secs(2)).await;
    asked(&provider, asked_before + 1).await;
    let taken = async {
        while try_token(&tokens, Signer::Es256, "k").await.is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), taken).await.expect("the keys come with the next attempt");
}

/// A redirect would let whoever answers choose another place for the keys.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Provider::start(set(&[jwk(Signer::Es256, "k")])).await;
    let provider = Provider::start(Answer::redirect(&elsewhere.url())).await;
    let tokens = tokens(&provider);
    assert_eq!(try_token(&tokens, Signer::Es256, "k").await.unwrap_err().kind(), TokenErrorKind::KeysAway);
    assert!(provider.asked() > 0 && elsewhere.asked() == 0);
}

#[tokio::test]
async fn keys_over_https_come_only_from_a_server_with_a_certificate() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "k")])).await;
    let url = provider.url().replace("http://", "https://");
    let jwks = Some(JwksUrl::parse(&url, false).unwrap());
    let tokens = Tokens::new(&TokenSettings { jwks, ..TokenSettings::default() });
    assert_eq!(try_token(&tokens, Signer::Es256, "k").await.unwrap_err().kind(), TokenErrorKind::KeysAway);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_end_the_fetch_that_others_wait_for() {
    let provider = Provider::start(set(&[])).await;
    let tokens = tokens(&provider);
    assert!(try_token(&tokens, Signer::Es256, "k").await.is_err());
    pass(Duration::from_secs(11)).await;
    let asked_before = provider.asked();
    provider.answer(Answer::Late(
        Duration::from_millis(200),
        json!({"keys": [jwk(Signer::Es256, "k")]}).to_string(),
    ));
    let leaves = timeout(Duration::from_millis(50), try_token(&tokens, Signer::Es256, "k")).await;
    assert!(leaves.is_err(), "it still waits");
    assert!(try_token(&tokens, Signer::Es256, "k").await.is_ok());
    assert_eq!(provider.asked(), asked_before + 1);
}

#[tokio::test]
async fn claims_count_with_a_key_set_as_well() {
    let provider = Provider::start(set(&[jwk(Signer::Es256, "k")])).await;
    let tokens = tokens(&provider);
    let mut claims = claims("https://login.game.example/");
    claims["exp"] = (NOW - 100).into();
    claims["iat"] = (NOW - 200).into();
    let token = Signer::Es256.sign(r#"{"alg":"ES256","kid":"k"}"#, &claims.to_string());
    assert_eq!(verify(&tokens, &token).await.unwrap_err().kind(), TokenErrorKind::Expired);
}
