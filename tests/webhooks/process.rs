//! The flags of the webhook, and its secrets in a running server.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{
    SECRET,
    receiver::{Receiver, Reply, Request},
    support::{Process, call},
};

fn secret_file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    file
}

fn flags<'a>(url: &'a str, secrets: &'a Path) -> [&'a str; 6] {
    ["--events", "on", "--webhook", url, "--webhook-secret-file", secrets.to_str().unwrap()]
}

async fn refused(flags: &[&str]) -> String {
    let said = Process::fails(flags, &[]).await;
    assert!(!said.contains("SECRET") && !said.contains(&SECRET[6..]), "{said}");
    said
}

#[tokio::test]
async fn a_wrong_webhook_is_refused_at_the_start_and_shows_no_secret() {
    let (good, bad) = (secret_file(SECRET), secret_file(&SECRET[6..]));
    let (url, secrets) = ("https://game.example/hook?x=SECRET", good.path().to_str().unwrap());
    for (flags, said) in [
        (&["--webhook", url, "--webhook-secret-file", secrets][..], "--events on"),
        (&["--events", "on", "--webhook", url], "--webhook-secret-file"),
        (&["--webhook-secret-file", secrets], "--webhook, too"),
        (&flags("ftp://game.example/SECRET", good.path()), "write https://HOST"),
        (&flags("https://me:SECRET@game.example/", good.path()), "before the @"),
        (&flags("http://169.254.169.254/SECRET", good.path()), "169.254.169.254 is never called"),
        (&flags("http://[::ffff:a9fe:a9fe]/", good.path()), "is never called"),
        (&flags(url, bad.path()), "line 1 is no secret"),
        (&flags(url, Path::new("/nowhere/secret")), "cannot read it"),
        (&["--events", "on", "--select-deadline", "16s"], "at most 15s"),
    ] {
        let line = refused(flags).await;
        assert!(line.contains(said), "{flags:?}: {line}");
    }
}

#[tokio::test]
async fn check_config_shows_the_webhook_without_its_query_and_warns_of_a_file_that_others_read() {
    let secrets = secret_file(SECRET);
    fs::set_permissions(secrets.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let given = flags("https://game.example/hook?x=hunter2", secrets.path());
    let output = tokio::process::Command::new(Process::program()).arg("check-config").args(given).output();
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("https://game.example/hook\n"), "{said}");
    assert!(said.contains("--webhook-secret-file") && said.contains("mode 644"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains(SECRET), "{said}");
}

#[tokio::test]
async fn a_hangup_reads_the_secrets_again_and_a_wrong_file_changes_nothing() {
    let secrets = secret_file(SECRET);
    let receiver = Receiver::start().await;
    let url = receiver.url();
    let server = Process::start(&flags(&url, secrets.path())).await;
    let signatures = async |room: &str| {
        let path = format!("/v1/rooms/{room}/assets/sword");
        call(server.address, "PUT", &path, r#"{"units":1}"#).await;
        let is_of = |request: &&Request| request.room() == room;
        let requests = receiver.until(room, |requests| requests.iter().any(|request| is_of(&request))).await;
        let request = requests.iter().find(is_of).unwrap();
        request.header("webhook-signature").split(' ').count()
    };
    assert_eq!(signatures("one").await, 1);
    fs::write(secrets.path(), format!("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n{SECRET}\n")).unwrap();
    server.signal("HUP").await;
    server.will_log("the webhook's secrets were read again").await;
    assert_eq!(signatures("two").await, 2);
    fs::write(secrets.path(), "whsec_short").unwrap();
    server.signal("HUP").await;
    server.will_log("the webhook's secrets stay as they were").await;
    assert_eq!(signatures("three").await, 2);
    assert!(!server.has_logged("whsec_short") && !server.has_logged("hunter2"), "{:?}", server.lines());
    server.end().await;
}

#[tokio::test]
async fn the_log_tells_when_deliveries_begin_to_fail_and_when_they_succeed_again() {
    let secrets = secret_file(SECRET);
    let receiver = Receiver::replying(|_, number| {
        if number < 2 { Reply::Status(500, String::new()) } else { Reply::Status(200, String::new()) }
    })
    .await;
    let url = receiver.url();
    let server = Process::start(&flags(&url, secrets.path())).await;
    call(server.address, "PUT", "/v1/rooms/r/assets/sword", r#"{"units":1}"#).await;
    server.will_log("the webhook takes events again").await;
    assert_eq!(server.count_logged("the webhook takes no events: it answers 500"), 1);
    assert!(!server.has_logged("hunter2"), "{:?}", server.lines());
    server.end().await;
}
