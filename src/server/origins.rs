use std::{fmt, str::FromStr};

use axum::http::{HeaderMap, HeaderValue, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Why a page is refused. Short enough for a close frame.
pub(super) const FOREIGN: &str = "pages of this origin may not do this; see --allow-origin";

/// A page's origin as browsers send it, such as `https://game.example`, or `*` for every origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an origin: write scheme://host or scheme://host:port without a path, such as https://game.example, or *"
)]
pub struct InvalidOrigin;

/// Checks a request's origin. It is allowed if the request has none (it is not from a browser), if it is this server's
/// own, or if it is listed. `tls` says that the server itself speaks TLS, so that its own origin is `https`. A server
/// without may stand behind a proxy with TLS, and takes either scheme for its own.
///
/// # Errors
/// The origin as sent; `null` if the browser only says that the page is of another site.
pub(super) fn check(listed: &[Origin], tls: bool, headers: &HeaderMap) -> Result<(), String> {
    let any = listed.iter().any(Origin::is_any);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let allows = |sent: &HeaderValue| {
        let is_known =
            |origin: Origin| listed.contains(&origin) || host.is_some_and(|host| origin.is_of(host, tls));
        parse(sent).is_some_and(|origin| any || is_known(origin))
    };
    let sent = headers.get_all(header::ORIGIN);
    if let Some(foreign) = sent.iter().find(|origin| !allows(origin)) {
        return Err(String::from_utf8_lossy(foreign.as_bytes()).into_owned());
    }
    // Browsers that send no Origin still send this header.
    let cross_site = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site");
    if cross_site && !headers.contains_key(header::ORIGIN) && !any {
        return Err("null".to_owned());
    }
    Ok(())
}

/// Whether the request is from a page of a listed origin, hence of another site that may read the answer.
pub(super) fn is_listed(listed: &[Origin], headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (sent.next().and_then(parse), sent.next()) else { return false };
    listed.iter().any(|known| known.is_any() || *known == origin)
}

fn parse(sent: &HeaderValue) -> Option<Origin> {
    sent.to_str().ok()?.parse().ok()
}

impl Origin {
    /// True for `*`.
    pub(super) fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// The host without the port.
    pub(super) fn host(&self) -> Option<&str> {
        let (_, authority) = self.0.split_once("://")?;
        let port = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        Some(&authority[..port.unwrap_or(authority.len())])
    }

    /// Returns true if a request to `host`, over `tls` or not, stays on this origin.
    fn is_of(&self, host: &str, tls: bool) -> bool {
        let Some((scheme, authority)) = self.0.split_once("://") else { return false };
        if tls && scheme != "https" {
            return false;
        }
        without_default_port(scheme, &host.to_ascii_lowercase()) == authority
    }
}

/// Normalises case and default ports.
impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Ok(Self(text));
        }
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b);
        if scheme.is_empty()
            || authority.is_empty()
            || !scheme.bytes().all(is_word)
            || !authority.bytes().all(is_host)
        {
            return Err(InvalidOrigin);
        }
        Ok(Self(format!("{scheme}://{}", without_default_port(scheme, authority))))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(listed: &[&str], host: &str, origin: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        for origin in origin {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        check(&origins(listed), false, &headers).is_ok()
    }

    fn origins(listed: &[&str]) -> Vec<Origin> {
        listed.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_same_origin_and_no_origin_are_allowed() {
        assert!(allows(&[], "localhost:8080", &[]));
        assert!(allows(&[], "localhost:8080", &["http://localhost:8080"]));
        assert!(allows(&[], "Game.example", &["https://game.example"]));
        assert!(allows(&[], "game.example:443", &["https://game.example"]));
        assert!(allows(&[], "[::1]:8080", &["http://[::1]:8080"]));
    }

    #[test]
    fn other_origins_are_refused_unless_listed() {
        for origin in
            ["http://evil.example", "http://localhost", "http://localhost:80801", "null", "", "file://"]
        {
            assert!(!allows(&[], "localhost:8080", &[origin]), "{origin}");
        }
        assert!(allows(&["https://game.example:443"], "localhost:8080", &["https://GAME.example"]));
        assert!(!allows(&["https://game.example"], "localhost:8080", &["http://game.example"]));
        assert!(!allows(&["https://game.example"], "h", &["https://game.example", "https://evil.example"]));
        assert!(allows(&["*"], "localhost:8080", &["http://any.example"]));
    }

    #[test]
    fn a_server_with_tls_has_no_origin_without() {
        let check = |listed: &[&str], origin: &str| {
            let lines = [(header::HOST, "game.example"), (header::ORIGIN, origin)];
            let headers = lines.into_iter().map(|(name, value)| (name, value.parse().unwrap()));
            check(&origins(listed), true, &headers.collect()).is_ok()
        };
        assert!(check(&[], "https://game.example") && check(&[], "https://game.example:443"));
        assert!(!check(&[], "http://game.example"));
        assert!(check(&["http://game.example"], "http://game.example"));
    }

    #[test]
    fn a_foreign_page_that_hides_its_origin_is_told_by_its_site() {
        let check = |listed: &[&str], lines: &[(&'static str, &'static str)]| {
            let headers = lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            check(&origins(listed), false, &headers.collect())
        };
        assert_eq!(check(&[], &[("sec-fetch-site", "cross-site")]), Err("null".to_owned()));
        assert_eq!(check(&["*"], &[("sec-fetch-site", "cross-site")]), Ok(()));
        for site in ["same-origin", "same-site", "none"] {
            assert_eq!(check(&[], &[("sec-fetch-site", site)]), Ok(()), "{site}");
        }
        let game = [("sec-fetch-site", "cross-site"), ("origin", "https://game.example")];
        assert_eq!(check(&["https://game.example"], &game), Ok(()));
        assert_eq!(check(&[], &game), Err("https://game.example".to_owned()));
    }

    #[test]
    fn the_host_of_an_origin_has_no_port() {
        let host = |text: &str| text.parse::<Origin>().unwrap().host().map(str::to_owned);
        for (origin, name) in [
            ("https://Game.example:8443", "game.example"),
            ("http://a", "a"),
            ("http://[::1]:80", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(host(origin).as_deref(), Some(name), "{origin}");
        }
        assert_eq!(host("*"), None);
    }

    #[test]
    fn what_is_no_origin_cannot_be_listed() {
        for text in ["game.example", "https://", "://x", "https://x/", "https://x/path", "https://a b", "null"]
        {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
