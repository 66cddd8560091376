//! The recipes of `docs/tokens.md`, run as they stand there.

use std::{
    fs,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use asset_arbiter::server::{Grants, TokenSettings, Tokens};

use crate::signer::{Signer, key_file};

/// Runs the recipe of a language in a folder with the key that it signs with. `None` if its program is not installed.
fn token(language: &str, program: &str, file: &str) -> Option<String> {
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tokens.md")).unwrap();
    let (_, recipes) = docs.split_once("\n## Signing\n").expect("the section is there");
    let (_, rest) = recipes.split_once(&format!("```{language}\n")).expect("the recipe is there");
    let (recipe, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("game.private.pem"), key_file("ed25519.private.pem")).unwrap();
    fs::write(folder.path().join(file), recipe).unwrap();
    let output = Command::new(program).arg(file).current_dir(folder.path()).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

async fn verified(token: &str) -> Grants {
    let keys = vec![Signer::EdDsa.key("game")];
    let tokens = Tokens::new(&TokenSettings { keys, ..TokenSettings::default() });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    tokens.verify(token, u64::try_from(now).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_recipe_for_node_signs_a_token_that_is_taken() {
    let Some(token) = token("js", "node", "recipe.mjs") else {
        return eprintln!("skipped: node is not installed");
    };
    let grants = verified(&token).await;
    assert!(grants.player.as_str() == "ann" && grants.allows_room(&"match-1".parse().unwrap()));
}
