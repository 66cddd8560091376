//! What a verification costs: `cargo test --release --test tokens cost -- --ignored --nocapture`.

use std::time::Instant;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};

use crate::signer::{SIGNERS, claims, tokens, verify};

const ROUNDS: u32 = 2000;

#[tokio::test]
#[ignore = "a measurement"]
async fn the_cost_of_a_verification() {
    let tokens = tokens();
    for signer in SIGNERS {
        let good = signer.token(&claims(signer.alg()));
        let (message, signature) = good.rsplit_once('.').unwrap();
        let mut bytes = BASE64.decode(signature).unwrap();
        bytes[10] ^= 1;
        let forged = format!("{message}.{}", BASE64.encode(bytes));
        let unknown = signer.token(&claims("unknown"));
        for (kind, token) in [("right", &good), ("forged", &forged), ("unknown key", &unknown)] {
            let started = Instant::now();
            for _ in 0..ROUNDS {
                assert_eq!(verify(&tokens, token).await.is_ok(), kind == "right");
            }
            println!(
                "{} {kind}: {:.1} us",
                signer.alg(),
                started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
            );
        }
    }
}
