use std::collections::BTreeSet;

use super::{Complaints, File};

/// What every store says of itself before anything else.
const LABELS: [&str; 5] = ["**Guarantee**", "**Round trips**", "**Survives**", "**On timeout**", "**Events**"];

/// A store driver opens with its labelled lines, each with something to say.
pub fn header(file: &File) -> Complaints {
    let head: Vec<_> = file.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let starts: Vec<_> = head.iter().filter(|line| line.starts_with("**")).collect();
    let mut complaints = Vec::new();
    if !head.first().is_some_and(|line| line.starts_with(LABELS[0])) {
        complaints.push(file.complain(0, format!("a driver's first line is `//! {}: ...`", LABELS[0])));
    }
    for (index, label) in LABELS.iter().enumerate() {
        let said = starts.get(index).and_then(|line| line.strip_prefix(label)?.strip_prefix(':'));
        if said.is_none_or(|said| said.trim().is_empty()) {
            complaints.push(file.complain(0, format!("labelled line {} is `//! {label}: ...`", index + 1)));
        }
    }
    complaints
}

/// Whether a file of `src/store/` holds a driver.
pub fn is_driver(file: &File) -> bool {
    file.path.starts_with("src/store/") && file.text.contains("const DRIVER: Driver")
}

/// Every scheme stands in the README as `scheme:`.
pub fn schemes<'a>(readme: &str, schemes: impl IntoIterator<Item = &'a str>) -> Complaints {
    let missing = schemes.into_iter().filter(|scheme| !readme.contains(&format!("`{scheme}:")));
    missing.map(|scheme| format!("README.md: no word of `{scheme}:`")).collect()
}

/// A store's row in a document ends with what its file says under some labels.
pub fn promises(
    doc: &str,
    text: &str,
    scheme: &str,
    promises: &[(&str, String)],
    labels: &[&str],
) -> Complaints {
    let said = |label: &&str| {
        promises.iter().find(|(known, _)| known == label).map_or("", |(_, said)| said.trim_end_matches('.'))
    };
    let said: Vec<_> = labels.iter().map(said).collect();
    let cells = format!("| {} |", said.join(" | "));
    let row = text.lines().find(|line| line.starts_with(&format!("| `{scheme}:")));
    let fits = !said.contains(&"") && row.is_some_and(|row| row.ends_with(&cells));
    if fits { Vec::new() } else { vec![format!("{doc}: the row of `{scheme}:` ends with {cells}")] }
}

/// Every flag of a help text stands in the README's tables, and no other flag stands there.
pub fn flags(readme: &str, help: &str, other_help: &str) -> Complaints {
    let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| `--")).collect();
    let listed: BTreeSet<_> =
        rows.iter().flat_map(|row| flags_in(row.split(" | ").next().unwrap_or(row))).collect();
    let (needed, other) = (own_flags(help), own_flags(other_help));
    let missing = needed.difference(&listed).map(|flag| format!("README.md: no row for {flag}"));
    let unknown = listed.iter().filter(|flag| !needed.contains(*flag) && !other.contains(*flag));
    missing.chain(unknown.map(|flag| format!("README.md: there is no {flag}"))).collect()
}

/// The changelog has a heading for the version.
pub fn changelog(changelog: &str, version: &str) -> Complaints {
    let heading = |line: &str| {
        let title = line.strip_prefix("## ").map(|title| title.trim_start_matches('['));
        let rest = title.and_then(|title| title.strip_prefix(version));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c == '.' || c == '-' || c.is_alphanumeric()))
    };
    let named = changelog.lines().any(heading);
    if named { Vec::new() } else { vec![format!("CHANGELOG.md: no heading `## {version}`")] }
}

/// The long flags that a help text defines: those at the start of a line, after an optional short one.
fn own_flags(help: &str) -> BTreeSet<String> {
    let definitions = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let firsts = definitions.filter_map(|line| flags_in(line).into_iter().next());
    firsts.filter(|flag| flag != "--help" && flag != "--version").collect()
}

fn flags_in(text: &str) -> Vec<String> {
    let starts = text.match_indices("--").map(|(at, _)| &text[at..]);
    let names = starts.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next());
    names.flatten().filter(|flag| flag.len() > 2).map(str::to_owned).collect()
}
