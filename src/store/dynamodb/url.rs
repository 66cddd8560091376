use std::time::Duration;

use crate::link::url::{is_loopback, name_and_query, no_option, number, options, truth, ttl};

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
    /// How long an unused room is kept, if the URL sets it; zero: for ever.
    pub(super) room_ttl: Option<Duration>,
    /// How many holders are stored inline in their asset's item.
    pub(super) inline: usize,
}

/// The default keeps an item with usual names near 4 KB, which one read unit covers. Beyond about 200, writing
/// such a large item costs more than a transaction with a separate item for the holder.
const INLINE: usize = 128;
/// 170 KB with the longest names. The service limits an item to 400 KB.
const MOST_INLINE: usize = 1000;
const OPTIONS: &str = "region, endpoint, create, ttl and inline";

type Result<T> = std::result::Result<T, String>;

impl DynamoUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (table, query) = name_and_query(url, "dynamodb://TABLE?region=REGION")?;
        let mut url = Self {
            table: checked_table(table)?,
            region: None,
            endpoint: None,
            create: false,
            room_ttl: None,
            inline: INLINE,
        };
        for option in options(query) {
            let (name, value) = option?;
            match name {
                "region" => url.region = Some(checked_region(value)?),
                "endpoint" => url.endpoint = Some(checked_endpoint(value)?),
                "create" => url.create = truth(name, &value)?,
                "ttl" => url.room_ttl = Some(ttl(&value)?),
                "inline" => url.inline = number(name, &value, 0..=MOST_INLINE)?,
                _ => return Err(no_option(name, &value, OPTIONS)),
            }
        }
        Ok(url)
    }

    /// Whether the endpoint is a local stand-in for the service.
    pub(super) fn is_on_this_machine(&self) -> bool {
        let endpoint = self.endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        endpoint.is_some_and(is_loopback)
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
fn checked_region(region: String) -> Result<String> {
    let words: Vec<_> = region.split('-').collect();
    let lower = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    let fits = match &words[..] {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(lower) && number.parse::<u8>().is_ok_and(|number| number > 0)
        }
        [] => false,
    };
    if fits { Ok(region) } else { Err(format!("{region:?} is no region; one is eu-west-1")) }
}

fn checked_endpoint(endpoint: String) -> Result<String> {
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    let host = host.map(|host| host.strip_suffix('/').unwrap_or(host));
    match host {
        Some(host)
            if !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && !"@/?#%".contains(c)) =>
        {
            Ok(endpoint)
        }
        _ => Err("an endpoint is http://HOST[:PORT] or https://HOST[:PORT]".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::url::testing::refuses;

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
        let refused = [
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
        ];
        refuses(DynamoUrl::parse, &refused);
    }
}
