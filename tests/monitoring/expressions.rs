//! Which series an expression asks for.

/// The selectors of our metrics in an expression: names with their matchers.
pub(crate) fn selectors(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        rest = &rest[start..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let matchers =
            after.starts_with('{').then(|| after.find('}')).flatten().map_or("", |end| &after[..=end]);
        if word == "up" || word.starts_with("asset_arbiter_") || word.starts_with("process_") {
            found.push(format!("{word}{matchers}"));
        }
        rest = &after[matchers.len()..];
    }
    found
}

/// The expression of a panel as Grafana sends it, for all nodes.
pub(crate) fn filled_in(expression: &str) -> String {
    let variables = [("$job", ".+"), ("$instance", ".+"), ("$__rate_interval", "5m"), ("$__range", "15m")];
    let filled = variables.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "a variable that the dashboard does not have: {filled}");
    filled
}

#[test]
fn selectors_are_found_with_their_matchers() {
    let expression = r#"sum by (job) (rate(asset_arbiter_a{x="y"}[5m])) / up > 0 and on (job) process_b"#;
    assert_eq!(selectors(expression), [r#"asset_arbiter_a{x="y"}"#, "up", "process_b"]);
}
