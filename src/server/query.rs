use super::{error::HttpError, whole_number::WholeNumber};

/// The decoded query parameters of a request. Every name is known to the path, and none occurs twice, because a proxy
/// in front of the node may have checked the other occurrence.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes `query`. `known` lists the parameters of the path.
    ///
    /// # Errors
    /// 400 with the name of the parameter that is unknown or repeated.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, HttpError> {
        let mut found = Vec::<(String, String)>::new();
        for (name, value) in form(query.unwrap_or_default())? {
            if !known.contains(&name.as_str()) {
                let (name, choices) = (shorten(&name), choices(known));
                return Err(HttpError::bad(format!("unknown parameter {name:?}: {choices}")));
            }
            if found.iter().any(|(earlier, _)| *earlier == name) {
                return Err(HttpError::bad(format!("parameter {name:?} is given twice; give it once")));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The parameter `name` as a number.
    ///
    /// # Errors
    /// 400 if it is no whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, HttpError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |_| HttpError::bad(format!("{name} is a whole number such as 3"));
        text.parse::<WholeNumber>().map(|number| Some(number.0)).map_err(wrong)
    }

    /// The parameter `limit`, or `most` if it is absent.
    ///
    /// # Errors
    /// 400 if it is not 1 to `most`.
    pub(super) fn page_size(&self, most: usize) -> Result<usize, HttpError> {
        let limit = self.number("limit")?.unwrap_or(most as u64);
        if !(1..=most as u64).contains(&limit) {
            return Err(HttpError::bad(format!("limit must be 1 to {most}, not {limit}")));
        }
        Ok(limit as usize)
    }
}

fn form(query: &str) -> Result<Vec<(String, String)>, HttpError> {
    let uri = format!("/?{query}").parse().map_err(|_| HttpError::bad("the query is not a URL's"))?;
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map(|axum::extract::Query(pairs)| pairs)
        .map_err(|error| HttpError::bad(error.body_text()))
}

fn choices(known: &[&str]) -> String {
    if known.is_empty() {
        return "this path takes none".to_owned();
    }
    format!("this path takes {}", known.join(", "))
}

fn shorten(name: &str) -> String {
    name.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["player", "offset"];

    #[test]
    fn parameters_are_decoded() {
        let found = Parameters::parse(Some("player=ann%3A1&offset=7"), &KNOWN).unwrap();
        assert_eq!((found.get("player"), found.get("offset")), (Some("ann:1"), Some("7")));
        for nothing in [None, Some(""), Some("&")] {
            assert_eq!(Parameters::parse(nothing, &KNOWN).unwrap().get("player"), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_parameter_given_twice_or_unknown_is_refused() {
        for query in [
            "player=ann&player=victim",
            "player=ann&%70layer=victim",
            "%70layer=ann&player=ann",
            "player=ann&offset=1&player=ann",
            "player&player",
            "later=1",
            "Player=ann",
            "=ann",
            "player%20=ann",
            "+player=ann",
            "player%00=ann",
            "player[]=ann",
            "%ff=1",
        ] {
            let error = Parameters::parse(Some(query), &KNOWN).expect_err(query);
            assert!(format!("{error:?}").contains("parameter"), "{query}: {error:?}");
        }
        assert!(Parameters::parse(Some("a=1"), &[]).is_err());
    }
}
