//! Reads Rust source as rustfmt writes it.

/// Source without its line comments; lines and offsets stay as they were.
pub fn bare(source: &str) -> String {
    let code = |line: &str| match line.find("//") {
        Some(comment) => line[..comment].to_owned() + &" ".repeat(line.len() - comment),
        None => line.to_owned(),
    };
    source.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// Bare source without its test modules and other items that only tests see. Such an item ends with the first line that
/// is indented like its attribute and ends something.
pub fn bare_without_tests(source: &str) -> String {
    let mut test_item = None;
    let mut shown = |line: &str| {
        let indentation = line.len() - line.trim_start().len();
        if line.trim() == "#[cfg(test)]" {
            test_item = Some(indentation);
        }
        let shown = if test_item.is_none() { line.to_owned() } else { " ".repeat(line.len()) };
        if test_item == Some(indentation) && line.ends_with([';', ',', '}']) {
            test_item = None;
        }
        shown
    };
    bare(source).lines().map(&mut shown).collect::<Vec<_>>().join("\n")
}

/// Where `word` stands by itself.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let (before, after) = (text[..at].bytes().last(), text.as_bytes().get(at + word.len()));
        !before.is_some_and(is_word) && !after.copied().is_some_and(is_word)
    })
}

/// The line of an offset, from 1.
pub fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The first names of a use tree: `a` and `b` of `{a::{c, d}, b}`.
pub fn heads(tree: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    let Some(inner) = tree.strip_prefix('{') else { return name(tree).into_iter().collect() };
    let (mut depth, mut heads, mut start) = (0, Vec::new(), 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(name(&inner[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}
