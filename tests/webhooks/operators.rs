//! Who sees the webhook, and who resumes it.

use std::sync::Arc;

use asset_arbiter::{
    server::{Secret, Settings},
    store::MemoryStore,
};

use crate::{
    quick,
    receiver::Receiver,
    settings,
    support::{Server, ask, call},
};

async fn status(server: &Server, method: &str, path: &str, key: &str) -> u16 {
    let key = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n");
    let answer = ask(server.address, format!("{head}{key}\r\n")).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn operators_see_the_webhook_and_admins_resume_it() {
    let receiver = Receiver::start().await;
    let server = Server::with(|setup| {
        setup.inner = Some(Arc::new(MemoryStore::new(None).with_events(Some(1000))));
        setup.settings = Settings {
            admin_key: Some(Secret::new("key-of-the-admin").unwrap()),
            viewer_key: Some(Secret::new("key-of-the-viewer").unwrap()),
            webhook: Some(settings(&receiver.url(), quick())),
            ..Settings::default()
        };
    })
    .await;
    let (show, resume) = ("/v1/webhooks", "/v1/webhooks/resume");
    for (key, seen, resumed) in
        [("", 401, 401), ("key-of-the-viewer", 200, 403), ("key-of-the-admin", 200, 200)]
    {
        assert_eq!(status(&server, "GET", show, key).await, seen, "{key}");
        assert_eq!(status(&server, "POST", resume, key).await, resumed, "{key}");
    }
}

#[tokio::test]
async fn without_a_webhook_the_list_is_empty_and_the_error_names_the_flag() {
    let server = Server::start().await;
    assert!(call(server.address, "GET", "/v1/webhooks", "").await.ends_with(r#"{"webhooks":[]}"#));
    let refused = call(server.address, "POST", "/v1/webhooks/resume", "").await;
    assert!(refused.starts_with("HTTP/1.1 409") && refused.contains("--webhook"), "{refused}");
}
