//! Whatever is wrong with a request, the answer is a fitting status and `{"code","message"}`.

use std::sync::Arc;

use asset_arbiter::store::{
    MemoryStore,
    faulty::{Faults, Faulty},
};

use crate::server::Server;

fn bad(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

#[tokio::test]
async fn a_path_that_names_nothing_is_not_found() {
    let server = Server::start().await;
    for path in
        ["/nothing", "/v1", "/v1/rooms/", "/v1//rooms/r", "//", "/v1/rooms/r/", "/%ff", "/%zz", "/demo/"]
    {
        assert_eq!(server.get(path).await.error(), (404, "unknown_path".to_owned()), "{path}");
    }
    for path in ["/v1/rooms/r/../../../etc/passwd", "/../Cargo.toml", "/demo/../../Cargo.toml"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    for path in ["/v1/rooms//assets/sword/holders", "/v1/rooms/r/assets//holders"] {
        assert_eq!(server.get(path).await.error(), bad("invalid_name"), "{path}");
    }
    let answer = server.send("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(answer.error().0, 404);
}

#[tokio::test]
async fn names_are_checked_after_decoding() {
    let server = Server::with_asset(1).await;
    let long = "a".repeat(65);
    for name in [
        "..",
        ".",
        "%2e%2e",
        "%2E",
        "%00",
        "%ff",
        "%zz",
        "%",
        "a%2Fb",
        "a%20b",
        "%F0%9F%97%A1",
        "a%0d%0ab",
        long.as_str(),
    ] {
        assert_eq!(server.get(&format!("/v1/rooms/{name}")).await.error(), bad("invalid_name"), "{name}");
        let path = format!("/v1/rooms/r/assets/{name}");
        let answer = server.call("PUT", &path, r#"{"units":1}"#).await;
        assert_eq!(answer.error(), bad("invalid_name"), "{name}");
        assert_eq!(server.get(&format!("/v1/rooms/{name}/ws")).await.status, 400, "{name}");
    }
    assert_eq!(
        server.get("/v1/rooms/%72/assets/%73word/holders").await.status,
        200,
        "encoded, but the same names"
    );
    let longest = "a".repeat(64);
    assert_eq!(server.get(&format!("/v1/rooms/{longest}")).await.error().0, 404);
}

#[tokio::test]
async fn the_answer_to_a_wrong_method_lists_the_right_ones() {
    let server = Server::start().await;
    for (method, path, allowed) in [
        ("POST", "/v1/rooms/r", "GET,HEAD,DELETE"),
        ("GET", "/v1/rooms/r/assets/a", "PUT,DELETE"),
        ("GET", "/v1/rooms/r/assets/a/select", "POST"),
        ("PUT", "/v1/rooms/r/assets/a/holders", "GET,HEAD"),
        ("PATCH", "/healthz", "GET,HEAD"),
        ("POST", "/", "GET,HEAD"),
        ("BREW", "/metrics", "GET,HEAD"),
    ] {
        let answer = server.call(method, path, "").await;
        assert_eq!(answer.error(), (405, "bad_message".to_owned()), "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn the_answer_to_a_bad_body_says_what_would_be_right() {
    let server = Server::with_asset(1).await;
    let path = "/v1/rooms/r/assets/sword/restock";
    for body in [
        "",
        " ",
        "hello",
        "{",
        "[]",
        "[2]",
        "null",
        "3",
        r#""units""#,
        "{}",
        r#"{"units":null}"#,
        r#"{"units":"2"}"#,
        r#"{"units":2.5}"#,
        r#"{"units":-1}"#,
        r#"{"units":1e400}"#,
        r#"{"units":9007199254740993.0}"#,
        "\u{feff}{\"units\":2}",
        r#"{"units":0}"#,
        r#"{"units":2,"units":2}"#,
        r#"{"units":2} {}"#,
        r#"{"units":2,"revision":-1}"#,
        r#"{"units":2,"revision":"1"}"#,
        "{\"units\":2,\u{0}}",
    ] {
        let answer = server.call("POST", path, body).await;
        assert_eq!(answer.error(), bad("bad_message"), "{body}");
        assert!(answer.message().contains("units"), "{body}: {}", answer.message());
    }
    let misspelt = server.call("POST", path, r#"{"units":2,"revison":1}"#).await;
    assert_eq!(misspelt.error(), bad("bad_message"));
    assert!(misspelt.message().contains("`revison`"), "{}", misspelt.message());
    let wrong = server.call("POST", path, r#"{"units":2,"revision":"x"}"#).await;
    assert!(wrong.message().contains("revision: invalid type"), "{}", wrong.message());
    let units = &server.get("/v1/rooms/r").await.json()["assets"][0]["units"].clone();
    assert_eq!(units, 1, "nothing of this had an effect");
}

#[tokio::test]
async fn a_bad_player_is_an_invalid_name() {
    let server = Server::with_asset(1).await;
    for action in ["select", "release"] {
        let path = format!("/v1/rooms/r/assets/sword/{action}");
        for player in ["", "..", "a b", "ü"] {
            let answer = server.call("POST", &path, &format!(r#"{{"player":"{player}"}}"#)).await;
            assert_eq!(answer.error(), bad("invalid_name"), "{action} {player}");
        }
        assert_eq!(server.call("POST", &path, r#"{"player":7}"#).await.error(), bad("bad_message"));
    }
}

#[tokio::test]
async fn a_content_type_is_not_needed() {
    let server = Server::with_asset(1).await;
    let path = "/v1/rooms/r/assets/sword/restock";
    for kind in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
        let answer =
            server.call_with("POST", path, r#"{"units":1}"#, &format!("Content-Type: {kind}\r\n")).await;
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn the_answer_to_a_wrong_page_says_what_would_be_right() {
    let server = Server::with_asset(1).await;
    for (query, word) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=x", "limit"),
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=1&after=2", "after"),
        ("afther=1", "afther"),
        ("limit=99999999999999999999", "limit"),
    ] {
        let answer = server.get(&format!("/v1/rooms/r/assets/sword/holders?{query}")).await;
        assert_eq!(answer.error(), bad("bad_message"), "{query}");
        assert!(answer.message().contains(word), "{query}: {}", answer.message());
    }
    assert_eq!(
        server.get("/v1/rooms/r/assets/sword/holders?limit=1000&after=18446744073709551615").await.status,
        200
    );
}

#[tokio::test]
async fn what_is_not_there_is_unknown() {
    let server = Server::with_asset(1).await;
    for (method, path, body) in [
        ("POST", "/v1/rooms/r/assets/nothing/select", r#"{"player":"ada"}"#),
        ("POST", "/v1/rooms/r/assets/nothing/release", r#"{"player":"ada"}"#),
        ("POST", "/v1/rooms/r/assets/nothing/restock", r#"{"units":1}"#),
        ("GET", "/v1/rooms/r/assets/nothing/holders", ""),
        ("DELETE", "/v1/rooms/r/assets/nothing", ""),
        ("POST", "/v1/rooms/nobody/assets/sword/select", r#"{"player":"ada"}"#),
    ] {
        assert_eq!(server.call(method, path, body).await.error(), (404, "unknown_asset".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn too_many_units_are_beyond_a_limit() {
    let server = Server::start().await;
    for units in ["1000001", "4294967295", "4294967296", "18446744073709551615"] {
        let answer = server.call("PUT", "/v1/rooms/r/assets/a", &format!(r#"{{"units":{units}}}"#)).await;
        assert_eq!(answer.error(), (400, "limit_reached".to_owned()), "{units}");
        assert_eq!(answer.header("retry-after"), None, "later it will be as many");
    }
}

#[tokio::test]
async fn a_limit_that_the_room_has_reached_is_a_conflict_with_its_state() {
    let server = Server::configured(|config| (config.max_assets, config.max_units) = (1, 10)).await;
    let put = async |asset: &str, units: u32| {
        server.call("PUT", &format!("/v1/rooms/r/assets/{asset}"), &format!(r#"{{"units":{units}}}"#)).await
    };
    assert_eq!(put("sword", 10).await.status, 201);
    let more = put("bow", 1).await;
    assert_eq!(more.error(), (409, "limit_reached".to_owned()), "one asset too many");
    assert_eq!(more.header("retry-after"), None);
    let restock = "/v1/rooms/r/assets/sword/restock";
    let more = server.call("POST", restock, r#"{"units":1}"#).await;
    assert_eq!(more.error(), (409, "limit_reached".to_owned()), "more units than it may have by now");
    let never = server.call("POST", restock, r#"{"units":11}"#).await;
    assert_eq!(never.error(), (400, "limit_reached".to_owned()), "more units than any may have");
}

#[tokio::test]
async fn a_full_node_is_a_matter_of_time() {
    let server = Server::configured(|config| config.max_rooms = 0).await;
    let answer = server.call("PUT", "/v1/rooms/r/assets/a", r#"{"units":1}"#).await;
    assert_eq!(answer.error(), (503, "limit_reached".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let unknown = server.call("POST", "/v1/rooms/r/assets/a/select", r#"{"player":"ada"}"#).await;
    assert_eq!(unknown.error().0, 404, "what is not there needs no room");
}

#[tokio::test]
async fn whole_numbers_are_taken_as_engines_write_them() {
    let server = Server::start().await;
    for (n, units) in ["3", "3.0", "3e0", "30e-1", "3.000"].into_iter().enumerate() {
        let path = format!("/v1/rooms/r/assets/a{n}");
        let answer = server.call("PUT", &path, &format!(r#"{{"units":{units}}}"#)).await;
        assert_eq!((answer.status, &answer.json()["units"]), (201, &3.into()), "{units}");
        let restock = format!(r#"{{"units":{units},"revision":0.0}}"#);
        assert_eq!(server.call("POST", &format!("{path}/restock"), &restock).await.status, 200, "{restock}");
        let holders = format!("{path}/holders?limit={units}&after=0.0");
        assert_eq!(server.get(&holders).await.status, 200, "{holders}");
    }
    let other = server.call("POST", "/v1/rooms/r/assets/a0/restock", r#"{"units":1,"revision":0.0}"#).await;
    assert_eq!(other.error().0, 409, "a condition is one in any notation");
}

#[tokio::test]
async fn a_parameter_that_is_unknown_or_there_twice_is_refused() {
    let server = Server::with_asset(1).await;
    for (method, path) in [
        ("GET", "/v1/rooms/r?limit=1"),
        ("GET", "/v1/rooms/r/assets/sword/holders?limit=1&limit=2"),
        ("GET", "/v1/rooms/r/assets/sword/holders?limit=1&%6cimit=1"),
        ("GET", "/v1/rooms/r/assets/sword/holders?revision=1"),
        ("GET", "/v1/rooms/r/assets/sword/holders?limit=1.5"),
        ("POST", "/v1/rooms/r/assets/sword/select?player=ada"),
        ("DELETE", "/v1/rooms/r?force"),
    ] {
        let answer = server.call(method, path, r#"{"player":"ada"}"#).await;
        assert_eq!(answer.error(), bad("bad_message"), "{method} {path}");
    }
    assert_eq!(
        server.get("/v1/rooms/r?").await.json()["assets"][0]["held"],
        0,
        "nothing of this had an effect"
    );
    assert_eq!(server.get("/?room=r&player=ada").await.status, 200, "the page reads its own");
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let server = Server::start().await;
    let (path, body) = ("/v1/rooms/r/assets/a", r#"{"units":1}"#);
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let answer = server.call_with("PUT", path, body, &format!("Content-Encoding: {encoding}\r\n")).await;
        assert_eq!(answer.error(), (415, "bad_message".to_owned()), "{encoding}");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
    }
    let as_it_is = server.call_with("PUT", path, body, "Content-Encoding: Identity\r\n").await;
    assert_eq!(as_it_is.status, 201, "{}", as_it_is.body);
}

#[tokio::test]
async fn a_store_that_is_away_is_temporary() {
    let store = Faulty::new(Arc::new(MemoryStore::default()), 0, Faults::default()).as_shared();
    store.refuse();
    let server = Server::on(Arc::new(store)).await;
    for (method, path, body) in [
        ("PUT", "/v1/rooms/r/assets/a", r#"{"units":1}"#),
        ("POST", "/v1/rooms/r/assets/a/select", r#"{"player":"ada"}"#),
        ("POST", "/v1/rooms/r/assets/a/release", r#"{"player":"ada"}"#),
        ("POST", "/v1/rooms/r/assets/a/restock", r#"{"units":1}"#),
        ("DELETE", "/v1/rooms/r/assets/a", ""),
        ("GET", "/v1/rooms/r/assets/a/holders", ""),
        ("GET", "/v1/rooms/r", ""),
        ("GET", "/readyz", ""),
    ] {
        let answer = server.call(method, path, body).await;
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()), "{method} {path}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{method} {path}");
    }
    assert_eq!(server.get("/healthz").await.status, 200, "the process itself is well");
}
