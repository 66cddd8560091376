use std::path::Path;

use asset_arbiter::model::one_line;
use toml::{Table, Value};

/// The values of a `--config` file that have not been taken yet.
#[derive(Debug, Default)]
pub(super) struct File {
    name: String,
    values: Table,
}

impl File {
    /// Reads a TOML file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("cannot read --config {name}: {error}"))?;
        let values = text.parse::<Table>().map_err(|error| format!("{name}: {}", describe(&text, &error)))?;
        Ok(Self { name, values })
    }

    /// Takes a key and returns its source and its values, several for a list.
    pub(super) fn take(&mut self, key: &str) -> Option<(String, Result<Vec<String>, String>)> {
        let value = self.values.remove(key)?;
        let source = format!("{}: {key}", self.name);
        let values =
            texts(value).ok_or_else(|| format!("{source}: write a string, a number, true, false, or a list"));
        Some((source, values))
    }

    /// An error for every remaining key, with the most similar known key.
    pub(super) fn unknown(self, known: &[&str]) -> impl Iterator<Item = String> {
        let Self { name, values } = self;
        values.into_iter().map(move |(key, _)| {
            let hint =
                nearest(known, &key).map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
            format!("{name}: unknown key {key:?}{hint}")
        })
    }
}

/// The known key that is most similar to an unknown one.
pub(super) fn nearest<'a>(known: &[&'a str], key: &str) -> Option<&'a str> {
    known.iter().copied().max_by(|a, b| closeness(a, key).total_cmp(&closeness(b, key)))
}

fn closeness(known: &str, key: &str) -> f64 {
    strsim::jaro_winkler(known, &key.to_ascii_lowercase().replace('_', "-"))
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The parser's message without the offending line, which may contain a password.
fn describe(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    format!("TOML parse error at line {line}: {}", one_line(error.message()))
}
