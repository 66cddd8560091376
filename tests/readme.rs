//! What the README shows is what the code speaks.

use asset_arbiter::model::{ClientMessage, CloseReason, ServerMessage};

const README: &str = include_str!("../README.md");

/// The lines of every code block that is opened by "```" and `label`.
fn examples(label: &str) -> Vec<&'static str> {
    let opening = format!("```{label}\n");
    let blocks = README.split(&opening).skip(1);
    blocks.flat_map(|rest| rest.split("```").next().unwrap_or_default().lines()).collect()
}

fn kinds(examples: &[&str]) -> std::collections::BTreeSet<String> {
    let kind = |line: &&str| serde_json::from_str::<serde_json::Value>(line).expect(line)["type"].to_string();
    examples.iter().map(kind).collect()
}

#[test]
fn every_client_message_in_the_readme_is_decoded_and_none_is_left_out() {
    let lines = examples("json client");
    for line in &lines {
        let message = ClientMessage::decode(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(&serde_json::to_string(&message).expect("encodes"), line);
    }
    assert_eq!(kinds(&lines).len(), 7);
}

#[test]
fn every_server_message_in_the_readme_is_decoded_and_none_is_left_out() {
    let lines = examples("json server");
    for line in &lines {
        let message: ServerMessage =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(&message.encode(), line);
    }
    assert_eq!(kinds(&lines).len(), 18);
}

#[test]
fn the_close_reason_in_the_readme_is_decoded() {
    let start = README.find(r#"{"code":4100"#).expect("a close reason is shown");
    let text = README[start..].split('`').next().expect("it ends");
    let reason: CloseReason = serde_json::from_str(text).expect(text);
    assert_eq!(serde_json::to_string(&reason).expect("encodes"), text);
}
