use std::{convert::Infallible, path::PathBuf};

use asset_arbiter::server::App;
use tokio::task::spawn_blocking;

use super::{
    Config, Log, layers,
    signals::Hangups,
    tokens::{KeyFile, token_keys},
    webhook::webhook_secrets,
};

/// On each HUP reads again what may have changed: what the server serves, and the log level of the file.
pub(crate) async fn reload(mut hangups: Hangups, app: &App, log: &Log, config: &Config) -> Infallible {
    loop {
        hangups.next().await;
        tracing::info!("SIGHUP: reading again what may have changed");
        app.reload();
        if !config.token_key_files.is_empty()
            && let Err(why) = read_token_keys(config.token_key_files.clone(), app).await
        {
            tracing::error!("the token keys stay as they were: {why}");
        }
        if let Some(file) = config.webhook_secret_file.clone()
            && let Err(why) = read_webhook_secrets(file, app).await
        {
            tracing::error!("the webhook's secrets stay as they were: {why}");
        }
        if let Some(file) = config.level_file.clone()
            && let Err(why) = read_level(file, log).await
        {
            tracing::error!("the log level stays as it was: {why}");
        }
    }
}

async fn read_token_keys(files: Vec<KeyFile>, app: &App) -> Result<(), String> {
    let read = spawn_blocking(move || token_keys(&files));
    let (keys, found) = read.await.map_err(|error| error.to_string())?;
    if !found.is_empty() {
        return Err(found.join("; "));
    }
    let count = keys.len();
    app.replace_token_keys(keys);
    tracing::info!(count, "the token keys were read again");
    Ok(())
}

async fn read_webhook_secrets(file: PathBuf, app: &App) -> Result<(), String> {
    let read = spawn_blocking(move || webhook_secrets(&file));
    let secrets = read.await.map_err(|error| error.to_string())??;
    let count = secrets.len();
    app.replace_webhook_secrets(secrets);
    tracing::info!(count, "the webhook's secrets were read again");
    Ok(())
}

async fn read_level(file: PathBuf, log: &Log) -> Result<(), String> {
    // The file may lie on a file system that hangs.
    let read = spawn_blocking(move || layers::level_in(&file));
    let level = read.await.map_err(|error| error.to_string())??;
    log.set_level(&level)?;
    tracing::info!(level, "the log level was read again");
    Ok(())
}
