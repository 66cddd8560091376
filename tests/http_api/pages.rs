//! Health, metrics and the files of the page.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_server_whose_store_answers_is_ready() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.json(), json!({"status": "ok"}));
    server.gets_ready().await;
    assert_eq!(server.get("/readyz").await.json(), json!({"status": "ready"}));
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let server = Server::with_asset(1).await;
    for room in ["a", "b", "c"] {
        server.get(&format!("/v1/rooms/{room}")).await;
    }
    server.get("/no/such/path?secret=1").await;
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let count = |labels: &str, count: u64| {
        let line = format!("asset_arbiter_http_requests_total{{{labels}}} {count}");
        assert!(metrics.body.contains(&line), "{line} is not in\n{}", metrics.body);
    };
    count(r#"route="/v1/rooms/{room}",status="404""#, 3);
    count(r#"route="/v1/rooms/{room}/assets/{asset}",status="201""#, 1);
    count(r#"route="none",status="404""#, 1);
    assert!(!metrics.body.contains("secret"), "no client can make labels");
    assert!(metrics.body.contains("asset_arbiter_accept_errors_total 0"));
    let other = Server::start().await;
    assert!(!other.get("/metrics").await.body.contains("assets/{asset}"), "each server counts for itself");
}

#[tokio::test]
async fn the_page_comes_with_its_types_and_its_policy() {
    let server = Server::start().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/asset-arbiter.js", "text/javascript; charset=utf-8"),
        ("/asset-arbiter.d.ts", "application/typescript; charset=utf-8"),
        ("/demo.css", "text/css; charset=utf-8"),
        ("/demo/main.js", "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self'; connect-src 'self' ws: wss:;"), "{path}: {policy}");
        let shared = answer.header("access-control-allow-origin");
        assert_eq!(shared, path.starts_with("/asset-arbiter.").then_some("*"), "{path}");
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn the_console_may_load_and_reach_only_its_own_server() {
    let server = Server::start().await;
    let answer = server.get("/admin").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "form-action 'none'"] {
        assert!(policy.split("; ").any(|known| known == part), "{part} is not in {policy}");
    }
    assert_eq!(server.get("/admin/main.js").await.status, 200);
    assert_eq!(server.get("/admin.html").await.status, 404, "it has one address");
}

#[tokio::test]
async fn a_file_one_has_is_not_sent_again() {
    let server = Server::start().await;
    let first = server.get("/asset-arbiter.js").await;
    let etag = first.header("etag").unwrap();
    for known in [etag.to_owned(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let again =
            server.call_with("GET", "/asset-arbiter.js", "", &format!("If-None-Match: {known}\r\n")).await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(etag)), "{known}");
    }
    let changed = server.call_with("GET", "/asset-arbiter.js", "", "If-None-Match: \"other\"\r\n").await;
    assert_eq!((changed.status, changed.body.len()), (200, first.body.len()));
    let head = server.call("HEAD", "/asset-arbiter.js", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some(first.body.len().to_string().as_str()));
}
