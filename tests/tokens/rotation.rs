use asset_arbiter::server::{Action, NewKey, TokenAlgorithm, TokenKey, TokenSettings, Tokens};
use serde_json::json;

use crate::signer::{NOW, SIGNERS, Signer, claims, id, tokens, verify};

#[tokio::test]
async fn a_right_token_of_every_algorithm_is_taken() {
    let tokens = tokens();
    for signer in SIGNERS {
        let grants = verify(&tokens, &signer.token(&claims(signer.alg()))).await.unwrap();
        assert_eq!((grants.player.as_str(), &grants.key), ("ann", &id(signer.alg())));
        assert_eq!((grants.issued_at, grants.expires_at), (NOW * 1000, NOW * 1000 + 600_000));
    }
}

#[tokio::test]
async fn a_token_allows_what_it_says() {
    let mut claims = claims("ES256");
    claims["jti"] = "t-1".into();
    claims["name"] = "Ann B.".into();
    claims["nbf"] = (NOW - 5).into();
    claims["other"] = json!({"of": ["an", {"identity": "provider"}]});
    claims["aud"] = json!(["billing", "asset-arbiter"]);
    claims["arbiter"] =
        json!({"rooms": ["arena", "match-*"], "can": ["select", "observe"], "assets": ["loot:*"]});
    let grants = verify(&tokens(), &Signer::Es256.token(&claims)).await.unwrap();
    assert_eq!(
        (grants.jti.as_deref(), grants.display_name.as_ref().map(|name| name.as_str())),
        (Some("t-1"), Some("Ann B."))
    );
    let rooms = ["arena", "match-7", "match", "lobby"].map(|room| grants.allows_room(&room.parse().unwrap()));
    assert_eq!(rooms, [true, true, false, false]);
    let (loot, map) = ("loot:1".parse().unwrap(), "map".parse().unwrap());
    assert!(grants.allows(Action::Select, &loot) && !grants.allows(Action::Select, &map));
    assert!(!grants.allows(Action::Release, &loot) && grants.can(Action::Observe));
}

#[tokio::test]
async fn a_token_that_says_little_allows_to_play_with_all_assets_of_its_rooms() {
    let grants = verify(&tokens(), &Signer::Hs256.token(&claims("HS256"))).await.unwrap();
    let asset = "sword".parse().unwrap();
    let allowed = Action::ALL.map(|action| grants.allows(action, &asset));
    assert_eq!(allowed, [true, true, true, false]);
    assert_eq!((grants.jti, grants.display_name), (None, None));
}

#[tokio::test]
async fn times_may_have_a_fraction_and_a_minute_of_leeway() {
    let tokens = tokens();
    for (iat, exp, nbf) in [
        (json!(NOW as f64 - 0.5), json!(NOW as f64 + 599.25), json!(NOW)),
        (json!(NOW + 60), json!(NOW + 660), json!(NOW + 60)),
        (json!(NOW - 600), json!(NOW - 59), json!(0)),
        (json!(NOW), json!(NOW + 24 * 3600), json!(1.5e9)),
    ] {
        let mut claims = claims("EdDSA");
        (claims["iat"], claims["exp"], claims["nbf"]) = (iat, exp, nbf);
        let verdict = verify(&tokens, &Signer::EdDsa.token(&claims)).await;
        assert!(verdict.is_ok(), "{claims}: {verdict:?}");
    }
}

/// The new key is added, then signs, then the old one is removed. Nobody who has a token notices.
#[tokio::test]
async fn a_rotation_refuses_nobody_until_the_old_key_is_removed() {
    let (old, new) = (Signer::Hs256.key("old"), Signer::Es256.key("new"));
    let (of_old, of_new) = (Signer::Hs256.token(&claims("old")), Signer::Es256.token(&claims("new")));
    let tokens = Tokens::new(&TokenSettings { keys: vec![old.clone()], ..TokenSettings::default() });
    assert!(verify(&tokens, &of_old).await.is_ok() && verify(&tokens, &of_new).await.is_err());
    tokens.reload(vec![old, new.clone()]);
    assert!(verify(&tokens, &of_old).await.is_ok() && verify(&tokens, &of_new).await.is_ok());
    tokens.reload(vec![new]);
    let refused = verify(&tokens, &of_old).await.unwrap_err();
    assert!(refused.to_string().contains("no key old"), "{refused}");
    assert!(verify(&tokens, &of_new).await.is_ok());
}

/// A verified signature is remembered with its key, not with the key's id.
#[tokio::test]
async fn a_token_seen_before_is_refused_once_its_id_has_another_key() {
    let token = Signer::Es256.token(&claims("game"));
    let keys = vec![Signer::Es256.key("game")];
    let tokens = Tokens::new(&TokenSettings { keys, ..TokenSettings::default() });
    for _ in 0..2 {
        assert!(verify(&tokens, &token).await.is_ok());
    }
    let other = NewKey::generate(TokenAlgorithm::ES256).unwrap().public.unwrap();
    tokens.reload(vec![TokenKey::new("game".parse().unwrap(), other.as_bytes()).unwrap()]);
    let refused = verify(&tokens, &token).await.unwrap_err();
    assert!(refused.to_string().contains("the signature is not one of key game"), "{refused}");
}
