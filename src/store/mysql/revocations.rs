use super::{
    NAME,
    pool::Pool,
    row::Cells,
    transaction::{Transaction, with_retries},
};
use crate::{
    model::{Millis, Revocation},
    store::{Result, revocation},
};

/// Adds a revocation, unless it is there, and deletes those that have ended.
pub(super) async fn add(pool: &Pool, revocation: &Revocation, now: Millis) -> Result<()> {
    let (text, until) = (revocation::text(NAME, revocation)?, revocation.until);
    let ended = format!("DELETE FROM asset_arbiter_revocations WHERE ends_at <= {now}");
    let insert = format!(
        "INSERT INTO asset_arbiter_revocations (revocation, ends_at) VALUES (X'{}', {until}) \
         ON DUPLICATE KEY UPDATE ends_at = {until}",
        hexadecimal(&text)
    );
    let add = || async {
        let transaction = Transaction::new(Some(ended.clone()), insert.clone());
        transaction.run(&mut pool.checkout().await?).await
    };
    with_retries("revocations are changed", add).await.map(drop)
}

/// The revocations that have not ended.
pub(super) async fn all(pool: &Pool, now: Millis) -> Result<Vec<Revocation>> {
    let statement = format!("SELECT revocation FROM asset_arbiter_revocations WHERE ends_at > {now}");
    let rows = pool.read(&statement).await?.into_iter();
    let texts = rows.map(|row| Cells::of(row).text::<String>("a revocation")).collect::<Result<Vec<_>>>()?;
    revocation::parse_all(NAME, texts, now)
}

/// Text as the digits of a literal, because it may contain any character.
fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
