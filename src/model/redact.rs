/// Schemes whose URLs contain no users or passwords.
const WITHOUT_SECRETS: [&str; 3] = ["memory", "sqlite", "local"];

/// Options of stores and buses that are not secret.
const SHOWN: [&str; 22] = [
    "appname",
    "authmechanism",
    "authsource",
    "collection",
    "create",
    "directconnection",
    "inline",
    "linearizable",
    "maxpoolsize",
    "pool",
    "prefix",
    "readconcernlevel",
    "region",
    "replicaset",
    "ssl",
    "statement_timeout_ms",
    "tls",
    "tls_ca",
    "ttl",
    "w",
    "wait",
    "wait_timeout_ms",
];

const HIDDEN: &str = "***";

/// A URL for display, with users, passwords, tokens and keys redacted. Malformed URLs are redacted generously, because
/// any part may be a secret.
#[must_use]
pub fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once(':') else {
        // A bare password is indistinguishable from other text.
        return if url.contains(['@', '/', '?', '#', '%']) { HIDDEN.to_owned() } else { url.to_owned() };
    };
    if WITHOUT_SECRETS.contains(&scheme.to_ascii_lowercase().as_str()) && !rest.starts_with("//") {
        return url.to_owned();
    }
    if !is_scheme(scheme) {
        return HIDDEN.to_owned();
    }
    let (slashes, rest) = rest.strip_prefix("//").map_or(("", rest), |rest| ("//", rest));
    // A password may itself contain @, /, ? and #, so everything before the last @ may be part of it.
    let (login, place) = rest.rsplit_once('@').map_or(("", rest), |(_, place)| ("***@", place));
    if slashes.is_empty() && !place.is_empty() {
        return format!("{scheme}:{HIDDEN}");
    }
    let (place, query) = place.split_once('?').map_or((place, None), |(place, query)| (place, Some(query)));
    let (hosts, path) = place.split_once('/').map_or((place, None), |(hosts, path)| (hosts, Some(path)));
    let hosts = if hosts.split(',').all(is_host) { hosts } else { HIDDEN };
    let path = path.map(|path| if is_path(path) { format!("/{path}") } else { format!("/{HIDDEN}") });
    let query = query.map(|query| format!("?{}", query.split('&').map(option).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{login}{hosts}{}{}", path.unwrap_or_default(), query.unwrap_or_default())
}

/// A line for display in which every value of `given` is redacted as by [`without_secrets`], and so is any other URL
/// with a login.
#[must_use]
pub fn line_without_secrets<'a>(line: &str, given: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = line.to_owned();
    for value in given {
        let shown = without_secrets(value);
        if value.contains([':', '@']) && shown != value {
            line = line.replace(value, &shown).replace(&value.escape_debug().to_string(), &shown);
        }
    }
    let lines: Vec<_> = line.split('\n').map(without_logins).collect();
    lines.join("\n")
}

/// Hides everything from the first visible `://` to the last `@` after it.
fn without_logins(line: &str) -> String {
    let Some((before, rest)) = line.split_once("://") else { return line.to_owned() };
    let Some((login, place)) = rest.rsplit_once('@') else { return line.to_owned() };
    match login {
        HIDDEN => line.to_owned(),
        _ => format!("{before}://{HIDDEN}@{place}"),
    }
}

/// The name of an unknown option, for an error message. Without a value it may be part of a password.
#[must_use]
pub fn option_name(name: &str, value: &str) -> String {
    if value.is_empty() || !is_scheme(name) { HIDDEN.to_owned() } else { format!("{name:?}") }
}

/// The scheme of a URL, without the colon.
#[must_use]
pub fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}

/// The message for a URL that no driver of this kind takes. `known` are examples of those that are taken, and `off` are
/// the features that this build lacks, with their schemes. An unknown scheme may be a password.
#[must_use]
pub fn no_driver(kind: &str, url: &str, known: &[&str], off: &[(&str, &[&str])]) -> String {
    let shown = without_secrets(url);
    let scheme = scheme(&shown);
    let why = off.iter().find(|(_, schemes)| schemes.contains(&scheme)).map_or_else(
        || format!("no {kind} has the scheme {scheme:?}"),
        |(feature, _)| format!("this build was made without the feature {feature:?} that {scheme}: needs"),
    );
    format!("{why}; this build has {}", known.join(", "))
}

fn is_scheme(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

/// Matches `HOST[:PORT]`. If the text after a colon is no port, it may be a password whose `@` is missing.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, rest)) if host.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte)) => {
            ("x", rest)
        }
        Some(_) => return false,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let port = port.strip_prefix(':').map_or(port.is_empty(), |port| port.parse::<u16>().is_ok());
    named && port
}

/// Allows only characters of names and numbers.
fn is_path(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

fn option(option: &str) -> String {
    match option.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("endpoint") => format!("{name}={}", endpoint(value)),
        Some((name, _)) if SHOWN.contains(&name.to_ascii_lowercase().as_str()) => option.to_owned(),
        Some((name, _)) if is_scheme(name) => format!("{name}={HIDDEN}"),
        _ if option.is_empty() => String::new(),
        _ => HIDDEN.to_owned(),
    }
}

fn endpoint(value: &str) -> String {
    let (scheme, rest) = value.split_once("://").map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
    let plain = scheme.is_none_or(is_scheme) && is_host(rest.strip_suffix('/').unwrap_or(rest));
    if plain { value.to_owned() } else { HIDDEN.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_secret_is_shown() {
        for url in [
            "memory:",
            "local:",
            "sqlite:game.db",
            "sqlite:/data/a@b.db?ttl=2h",
            "redis://host/0",
            "redis://[::1]:6379/0?wait=1&wait_timeout_ms=9&prefix=a%3A&ttl=2h",
            "rediss+cluster://a:7000,b:7001",
            "redis+sentinel://a,b/mymaster/2",
            "mongodb://a.example:27017,b/game?replicaSet=rs0&tls=true",
            "mysql://***@db/game",
            "dynamodb://assets?region=eu-west-1&endpoint=http://127.0.0.1:8000",
            "momento://game?endpoint=cell-4-us-west-2-1.prod.a.momentohq.com",
            "nats://a,b?prefix=x",
        ] {
            assert_eq!(without_secrets(url), url);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (url, shown) in [
            ("redis://me:SECRET@h/0?wait=1", "redis://***@h/0?wait=1"),
            ("redis://me:a/SECRET@h", "redis://***@h"),
            ("redis://me:SECRET/a@h", "redis://***@h"),
            ("redis://me:a@SECRET@h", "redis://***@h"),
            ("redis://me:SECRET?a@h", "redis://***@h"),
            ("redis://me:a?SECRET@h", "redis://***@h"),
            ("redis://me:a#SECRET@h", "redis://***@h"),
            ("redis://me:a?wait=SECRET@h", "redis://***@h"),
            ("redis://me:SECRET", "redis://***"),
            ("redis://me:SECRET/0", "redis://***/0"),
            ("redis://me:SECRET%40h/0", "redis://***/0"),
            ("redis://h/0?password=SECRET", "redis://h/0?password=***"),
            ("redis://h/0?SECRET", "redis://h/0?***"),
            ("redis://h/0?password=a&SECRET", "redis://h/0?password=***&***"),
            ("redis://h/a:SECRET", "redis://h/***"),
            ("redis:me:SECRET@h", "redis:***"),
            ("redis:/me:SECRET@h", "redis:***"),
            ("REDIS://me:SECRET@h", "REDIS://***@h"),
            ("mongodb://u:SECRET@ss/w@h/d", "mongodb://***@h/d"),
            (
                "mongodb+srv://u:SECRET@h/d?authMechanismProperties=SECRET",
                "mongodb+srv://***@h/d?authMechanismProperties=***",
            ),
            ("nats://SECRET@h", "nats://***@h"),
            ("foo://u:SECRET@h", "foo://***@h"),
            ("SECRET@h:6379", "***"),
            ("SECRET@h", "***"),
            (":SECRET@h", "***"),
            ("dynamodb://AKIA:SECRET@t?region=eu-west-1", "dynamodb://***@t?region=eu-west-1"),
            ("dynamodb://t?endpoint=http://u:SECRET@h:1", "dynamodb://***@h:1"),
            ("momento://c?endpoint=SECRET:x", "momento://c?endpoint=***"),
            ("memory://me:SECRET@h", "memory://***@h"),
        ] {
            assert_eq!(without_secrets(url), shown, "{url}");
        }
    }

    #[test]
    fn a_url_that_no_driver_takes_is_explained() {
        let said = |url| no_driver("bus", url, &["a:", "b://HOST"], &[("c", &["c", "c+tls"])]);
        assert_eq!(said("d://x"), "no bus has the scheme \"d\"; this build has a:, b://HOST");
        assert!(
            said("c+tls://x").starts_with("this build was made without the feature \"c\" that c+tls: needs;")
        );
        assert!(!said("SECRET@x:1").contains("SECRET"));
    }

    #[test]
    fn no_line_has_a_secret() {
        for (line, given, shown) in [
            ("bad 'redis://me:SECRET'", "redis://me:SECRET", "bad 'redis://***'"),
            ("bad \"r://me:\\\"SECRET\"", "r://me:\"SECRET", "bad \"r://***\""),
            ("bad 'redis://me:a SECRET@h' found", "", "bad 'redis://***@h' found"),
            ("a\nb://u:SECRET@h\nc", "", "a\nb://***@h\nc"),
            ("write redis://HOST[:PORT][/DB]", "redis", "write redis://HOST[:PORT][/DB]"),
        ] {
            assert_eq!(line_without_secrets(line, [given]), shown);
        }
    }
}
