//! Handshake headers that the RFCs allow but axum's extractor rejects.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// `Upgrade` and `Connection` are lists, in one line or several, and a handshake needs one item of each (RFC 9110,
/// 7.6.1 and 7.8). The extractor compares whole values, so this replaces each list with that item.
pub(super) fn take_lists(headers: &mut HeaderMap) {
    for (name, item) in [(header::UPGRADE, WEBSOCKET), (header::CONNECTION, UPGRADE)] {
        if has_item(headers, &name, &item) {
            headers.insert(name, item);
        }
    }
}

/// Adds the supported version to a refused handshake (RFC 6455, 4.4), and to a 426 the protocol to upgrade to (RFC
/// 9110, 15.5.22).
pub(super) fn say_what_is_spoken(response: &mut Response) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    if response.status() == StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(header::UPGRADE, WEBSOCKET);
        response.headers_mut().append(header::CONNECTION, UPGRADE);
    }
}

fn has_item(headers: &HeaderMap, name: &HeaderName, item: &HeaderValue) -> bool {
    let lines = headers.get_all(name).iter();
    let mut items = lines.flat_map(|line| line.as_bytes().split(|&b| b == b','));
    items.any(|found| found.trim_ascii().eq_ignore_ascii_case(item.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[(HeaderName, &'static str)]) -> (Option<HeaderValue>, Option<HeaderValue>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        take_lists(&mut headers);
        (headers.get(header::UPGRADE).cloned(), headers.get(header::CONNECTION).cloned())
    }

    #[test]
    fn the_one_item_that_matters_is_found_in_a_list() {
        let both = (Some(WEBSOCKET), Some(UPGRADE));
        use header::{CONNECTION, UPGRADE as TO};
        assert_eq!(taken(&[(TO, "h2c, websocket"), (CONNECTION, "keep-alive, Upgrade")]), both);
        assert_eq!(taken(&[(TO, "h2c"), (TO, "WebSocket"), (CONNECTION, "x"), (CONNECTION, "upgrade")]), both);
        assert_eq!(taken(&[(TO, "websocket"), (CONNECTION, "Upgrade")]), both);
        let neither = taken(&[(TO, "websockets, h2c"), (CONNECTION, "keep-alive, no-upgrade")]);
        assert_ne!(neither.0, both.0);
        assert_ne!(neither.1, both.1);
    }
}
