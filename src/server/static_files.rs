use std::{borrow::Cow, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};

use super::App;

/// Every file under `static/`. Debug builds embed the files too, so that the binary runs anywhere.
#[derive(Embed)]
#[folder = "static/"]
struct Files;

/// The page loads scripts only from this server and may open WebSockets to other nodes.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
);
/// The console has the admin key in its memory, so that it may do as little as possible: nothing from or to another
/// server, and no text that becomes code.
const CONSOLE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);
/// Browsers revalidate every time (304 if unchanged), so a new server version updates the page immediately.
const CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// The console for operators.
const CONSOLE: &str = "admin.html";
/// Games on other origins import the client library and its types from here.
const LIBRARY: [&str; 2] = ["asset-arbiter.js", "asset-arbiter.d.ts"];

/// One route per file; `index.html` is served at `/`, `admin.html` at `/admin`.
pub(super) fn router() -> Router<Arc<App>> {
    Files::iter().filter_map(|name| Some((File::load(&name)?, name))).fold(
        Router::new(),
        |router, (file, name)| {
            let path = match &*name {
                "index.html" => "/".to_owned(),
                CONSOLE => "/admin".to_owned(),
                name => format!("/{name}"),
            };
            let file = Arc::new(file);
            router.route(&path, get(async move |headers: HeaderMap| file.answer(&headers)))
        },
    )
}

struct File {
    bytes: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
    etag: HeaderValue,
}

impl File {
    fn load(name: &str) -> Option<Self> {
        let EmbeddedFile { data, metadata } = Files::get(name)?;
        let etag = etag(&metadata.sha256_hash());
        let mut headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type(name))),
            (header::CONTENT_SECURITY_POLICY, if name == CONSOLE { CONSOLE_POLICY } else { POLICY }),
            (header::CACHE_CONTROL, CACHE),
            (header::ETAG, etag.clone()),
        ];
        if LIBRARY.contains(&name) {
            headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")));
        }
        let bytes = match data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(Self { bytes, headers, etag })
    }

    fn answer(&self, request: &HeaderMap) -> Response {
        let known = request.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, &self.etag));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Response::new(self.bytes.clone().into())
        };
        response.headers_mut().extend(self.headers.iter().cloned());
        response
    }
}

/// Returns true if an `If-None-Match` header contains this ETag.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Half of the hash is enough.
fn etag(hash: &[u8; 32]) -> HeaderValue {
    let half = hash.first_chunk().copied().map_or(0, u128::from_be_bytes);
    HeaderValue::from_str(&format!("\"{half:032x}\"")).expect("hex digits in quotes fit a header")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("ts") => "application/typescript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
