//! Parses the store's URL.

use std::{net::SocketAddr, time::Duration};

use crate::model::{option_name, room_ttl};

/// The parts of `dynamodb://TABLE[?OPTIONS]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DynamoUrl {
    pub(super) table: String,
    /// The region; `None`: taken from the environment.
    pub(super) region: Option<String>,
    /// The service's endpoint, if it is not the region's.
    pub(super) endpoint: Option<String>,
    /// Whether to create the table if it is missing.
    pub(super) create: bool,
    /// How long an unused room is kept, if the URL says so; zero: for ever.
    pub(super) room_ttl: Option<Duration>,
    /// How many holders are stored inline in their asset's item.
    pub(super) inline: usize,
}

/// The default keeps an item with usual names near 4 KB, which one read unit covers. Beyond about 200, writing
/// such a large item costs more than a transaction with a separate item for the holder.
const INLINE: usize = 128;
/// About 100 KB with the longest names. The service limits an item to 400 KB.
const MOST_INLINE: usize = 1000;
const OPTIONS: &str = "region, endpoint, create, ttl and inline";

type Result<T> = std::result::Result<T, String>;

impl DynamoUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// One line that says what is wrong and what would be right.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (_, rest) = url.split_once("://").ok_or("write dynamodb://TABLE?region=REGION")?;
        let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = Self {
            table: checked_table(table.strip_suffix('/').unwrap_or(table))?,
            region: None,
            endpoint: None,
            create: false,
            room_ttl: None,
            inline: INLINE,
        };
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "region" => url.region = Some(checked_region(value)?),
                "endpoint" => url.endpoint = Some(checked_endpoint(value)?),
                "create" => url.create = checked_bool(name, value)?,
                "ttl" => url.room_ttl = Some(room_ttl(value).map_err(|why| format!("ttl: {why}"))?),
                "inline" => url.inline = checked_inline(value)?,
                _ => {
                    return Err(format!(
                        "there is no option {}; the options are {OPTIONS}",
                        option_name(name, value)
                    ));
                }
            }
        }
        Ok(url)
    }

    /// Whether the endpoint is a local stand-in for the service.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let endpoint = self.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        let Some(host) = endpoint.map(|host| host.strip_suffix('/').unwrap_or(host)) else { return false };
        let ip = host.parse::<SocketAddr>().map(|address| address.ip());
        let ip = ip.or_else(|_| host.trim_matches(['[', ']']).parse());
        let named = host.split_once(':').map_or(host, |(name, _)| name) == "localhost";
        ip.map_or(named, |ip| ip.is_loopback())
    }
}

fn checked_table(table: &str) -> Result<String> {
    let fits = (3..=255).contains(&table.len())
        && table.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if fits {
        Ok(table.to_owned())
    } else if table.contains('@') {
        Err("credentials come from AWS's own places, such as AWS_ACCESS_KEY_ID, not from the URL".to_owned())
    } else {
        Err("a table's name is 3 to 255 of A-Z a-z 0-9 _ . -: write dynamodb://TABLE?region=REGION".to_owned())
    }
}

/// Checks a region: words joined by `-` that end in a number, such as `eu-west-1` or `us-gov-east-1`.
fn checked_region(region: &str) -> Result<String> {
    let words: Vec<_> = region.split('-').collect();
    let lower = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    let fits = match &words[..] {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(lower) && number.parse::<u8>().is_ok_and(|number| number > 0)
        }
        [] => false,
    };
    if fits { Ok(region.to_owned()) } else { Err(format!("{region:?} is no region; one is eu-west-1")) }
}

fn checked_endpoint(endpoint: &str) -> Result<String> {
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    match host {
        Some(host)
            if !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"@/?#%".contains(c)) =>
        {
            Ok(endpoint.to_owned())
        }
        _ => Err("an endpoint is http://HOST[:PORT] or https://HOST[:PORT]".to_owned()),
    }
}

fn checked_bool(name: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| format!("{name} is true or false, not {value:?}"))
}

fn checked_inline(value: &str) -> Result<usize> {
    let number = value.parse().ok().filter(|number| *number <= MOST_INLINE);
    number.ok_or_else(|| format!("inline is a number from 0 to {MOST_INLINE}, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_url_has_defaults() {
        let url = DynamoUrl::parse("dynamodb://assets").unwrap();
        let DynamoUrl { table, region, endpoint, create, room_ttl, inline } = url;
        assert_eq!(
            (&*table, region, endpoint, create, room_ttl, inline),
            ("assets", None, None, false, None, INLINE)
        );
    }

    #[test]
    fn everything_can_be_said() {
        let url = "dynamodb://My_table-1.x?region=us-gov-east-1&endpoint=http://127.0.0.1:8000&create=true&ttl=2h&inline=5";
        let DynamoUrl { table, region, endpoint, create, room_ttl, inline } = DynamoUrl::parse(url).unwrap();
        assert_eq!((&*table, region.as_deref()), ("My_table-1.x", Some("us-gov-east-1")));
        assert_eq!((endpoint.as_deref(), create), (Some("http://127.0.0.1:8000"), true));
        assert_eq!((room_ttl, inline), (Some(Duration::from_secs(7200)), 5));
    }

    #[test]
    fn a_stand_in_is_known_by_its_address() {
        let local = |endpoint: &str| {
            let url = DynamoUrl::parse(&format!("dynamodb://assets?endpoint={endpoint}")).expect(endpoint);
            url.is_on_this_machine()
        };
        for endpoint in [
            "http://127.0.0.1:8000",
            "http://localhost",
            "http://localhost:1/",
            "http://[::1]:8000",
            "http://[::1]",
        ] {
            assert!(local(endpoint), "{endpoint}");
        }
        for endpoint in
            ["https://127.0.0.1", "http://10.0.0.1:8000", "http://localhost.example.com", "http://[::2]"]
        {
            assert!(!local(endpoint), "{endpoint}");
        }
        assert!(!DynamoUrl::parse("dynamodb://assets").unwrap().is_on_this_machine());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (url, part) in [
            ("dynamodb:assets", "write dynamodb://"),
            ("dynamodb://", "3 to 255"),
            ("dynamodb://a/b", "3 to 255"),
            ("dynamodb://AKIA:hunter2@assets", "not from the URL"),
            ("dynamodb://assets?region=Ireland", "no region"),
            ("dynamodb://assets?region=eu-west", "no region"),
            ("dynamodb://assets?region=eu-west-0", "no region"),
            ("dynamodb://assets?region=", "no region"),
            ("dynamodb://assets?endpoint=127.0.0.1:8000", "http://HOST"),
            ("dynamodb://assets?endpoint=http://me:hunter2@host", "http://HOST"),
            ("dynamodb://assets?create=yes", "true or false"),
            ("dynamodb://assets?create", "true or false"),
            ("dynamodb://assets?ttl=1s", "at least 2s"),
            ("dynamodb://assets?inline=1001", "from 0 to 1000"),
            ("dynamodb://assets?key=hunter2", "region, endpoint, create, ttl and inline"),
        ] {
            let why = DynamoUrl::parse(url).expect_err(url);
            assert!(why.contains(part) && !why.contains("hunter2") && !why.contains('\n'), "{url}: {why}");
        }
    }
}
