use super::{Complaints, File, code};

/// Lines of a function at most, from its `fn` to its last brace.
const FUNCTION_LINES: usize = 70;

/// Lines of a file in `src/` at most.
const FILE_LINES: usize = 400;

/// No long function.
pub fn functions(file: &File) -> Complaints {
    let code = code::bare(&file.text);
    let mut complaints = Vec::new();
    for at in code::words(&code, "fn") {
        // Without a name it is a type such as `fn(u8) -> u8`.
        let named = code[at + 2..].trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_');
        let Some(body) = code::block(&code, at).filter(|_| named) else { continue };
        let lines = code[at..body.end].lines().count();
        if lines > FUNCTION_LINES {
            complaints
                .push(file.complain(at, format!("a function of {lines} lines; {FUNCTION_LINES} at most")));
        }
    }
    complaints
}

/// No long file.
pub fn length(file: &File) -> Complaints {
    let lines = file.text.lines().count();
    let long = lines > FILE_LINES;
    long.then(|| file.complain(0, format!("{lines} lines; {FILE_LINES} at most"))).into_iter().collect()
}

/// No panic where an error belongs.
pub fn unwraps(file: &File) -> Complaints {
    // A test module in a file of its own.
    if file.path.ends_with("/tests.rs") || file.path.contains("/tests/") {
        return Complaints::new();
    }
    let code = code::bare_without_tests(&file.text);
    let found = code.match_indices(".unwrap()");
    found.map(|(at, _)| file.complain(at, "unwrap() outside tests".to_owned())).collect()
}

/// No macro that panics over a stream that is full or closed, and waits for one that nobody reads.
pub fn prints(file: &File) -> Complaints {
    let code = code::bare_without_tests(&file.text);
    let macros = ["print", "println", "eprint", "eprintln"];
    let found = macros.iter().flat_map(|name| code::words(&code, name).map(move |at| (at, name)));
    let found = found.filter(|(at, name)| code[at + name.len()..].trim_start().starts_with('!'));
    found.map(|(at, name)| file.complain(at, format!("{name}! panics; write through cli::say"))).collect()
}

/// Nothing is left for later. The words are put together here so that this file does not hold them itself.
pub fn leftovers(file: &File) -> Complaints {
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    let macros = ["dbg", "todo", "unimplemented"].map(|name| format!("{name}!"));
    let in_text = words.iter().flat_map(|word| code::words(&file.text, word).map(move |at| (at, word)));
    let code = code::bare(&file.text);
    let in_code =
        macros.iter().flat_map(|name| code.match_indices(name.as_str()).map(move |(at, _)| (at, name)));
    in_text.chain(in_code).map(|(at, what)| file.complain(at, format!("{what} is left"))).collect()
}
