use std::ops::Range;

/// Rust source with comments and the insides of literals blanked out; lines and lengths stay as they were.
pub fn bare(source: &str) -> String {
    let mut bare = source.as_bytes().to_vec();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let end = at + literal_len(rest, at > 0 && is_word(source.as_bytes()[at - 1]));
        if end == at {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        bare[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(bare).expect("only whole literals are blanked")
}

/// Bare source without its test modules and other items that only tests see.
pub fn bare_without_tests(source: &str) -> String {
    let mut code = bare(source);
    while let Some(start) = code.find("#[cfg(test)]") {
        let statement = code[start..].find(';').map_or(code.len(), |at| start + at + 1);
        let end = block(&code, start).map_or(statement, |block| block.end);
        let blank: String = code[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// From the first brace after `start` to the one that closes it; `None` when a `;` comes first.
pub fn block(bare: &str, start: usize) -> Option<Range<usize>> {
    let (mut braces, mut others, mut open) = (0, 0, None);
    for (offset, c) in bare[start..].char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            ';' if braces == 0 && others == 0 => return None,
            '{' => {
                braces += 1;
                open.get_or_insert(start + offset);
            }
            '}' => braces -= 1,
            _ => {}
        }
        if let (Some(open), 0) = (open, braces) {
            return Some(open..start + offset + 1);
        }
    }
    None
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

/// The length of the comment or literal that begins here; 0 when none does.
fn literal_len(rest: &str, in_word: bool) -> usize {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    let quoted = if in_word { rest } else { &rest[prefix.min(2)..] };
    let raw = !in_word && rest[..prefix.min(2)].contains('r');
    let before = rest.len() - quoted.len();
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        comment_len(rest)
    } else if raw && quoted.trim_start_matches('#').starts_with('"') {
        let hashes = quoted.len() - quoted.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = before + hashes + 1;
        rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
    } else if quoted.starts_with('"') {
        before + until_quote(quoted, '"').unwrap_or(quoted.len())
    } else if quoted.starts_with('\'') {
        char_len(quoted).map_or(0, |len| before + len)
    } else {
        0
    }
}

/// Block comments nest.
fn comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let step = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn until_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A character, unless it is a lifetime, which has no closing quote after one character.
fn char_len(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    match chars.next()?.1 {
        '\\' => until_quote(text, '\''),
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1),
    }
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
