//! The webhook and its secrets, from their flags and file; what `--events on` asks of other flags.

use std::{fs, path::Path, time::Duration};

use asset_arbiter::server::{WebhookPace, WebhookSecret, WebhookSettings, WebhookUrl};

use super::serve_args::ServeArgs;

/// A store announces changes for a while before they happen. A change must end before that is forgotten.
const LONGEST_SELECT_WITH_EVENTS: Duration = Duration::from_secs(15);

/// Where events are sent.
///
/// # Errors
/// All errors found, one line each.
pub(super) fn webhook_settings(args: &ServeArgs) -> Result<Option<WebhookSettings>, Vec<String>> {
    let Some(url) = &args.webhook else {
        let lonely = "--webhook-secret-file: name the address that is sent to with --webhook, too";
        return if args.webhook_secret_file.is_some() { Err(vec![lonely.to_owned()]) } else { Ok(None) };
    };
    let mut found = Vec::new();
    if !args.events {
        found.push("--webhook sends the changes that are kept as events: say --events on, too".to_owned());
    }
    let url = WebhookUrl::parse(url).map_err(|error| format!("cannot use --webhook: {error}"));
    let secrets =
        args.webhook_secret_file.as_deref().map_or_else(
            || {
                Err("--webhook signs what it sends: name a file with a secret with --webhook-secret-file"
                    .to_owned())
            },
            webhook_secrets,
        );
    match (url, secrets) {
        (Ok(url), Ok(secrets)) if found.is_empty() => {
            Ok(Some(WebhookSettings { url, secrets, pace: WebhookPace::default() }))
        }
        (url, secrets) => {
            found.extend(url.err());
            found.extend(secrets.err());
            Err(found)
        }
    }
}

/// Reads the secrets.
///
/// # Errors
/// One line, which shows none of them.
pub(super) fn webhook_secrets(file: &Path) -> Result<Vec<WebhookSecret>, String> {
    let wrong = |why: String| format!("--webhook-secret-file {}: {why}", file.display());
    let text = fs::read_to_string(file).map_err(|error| wrong(format!("cannot read it: {error}")))?;
    WebhookSecret::parse_all(&text).map_err(|error| wrong(error.to_string()))
}

/// What does not go together with `--events on`.
pub(super) fn events_problems(args: &ServeArgs) -> Option<String> {
    let (given, longest) = (args.select_deadline, LONGEST_SELECT_WITH_EVENTS);
    (args.events && given > longest).then(|| {
        format!(
            "--events on with --select-deadline {given:?}: an event of a change that takes so long might not be found: choose \
             at most {longest:?}"
        )
    })
}
