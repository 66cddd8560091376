use super::{Complaints, File, code};

/// Lines of a file in `src/` at most.
const FILE_LINES: usize = 400;

/// No long file.
pub fn length(file: &File) -> Complaints {
    let lines = file.text.lines().count();
    let long = lines > FILE_LINES;
    long.then(|| file.complain(0, format!("{lines} lines; {FILE_LINES} at most"))).into_iter().collect()
}

/// No macro that panics over a stream that is full or closed, and waits for one that nobody reads. Clippy's lints of
/// this kind would hold for tests and benchmarks, too.
pub fn prints(file: &File) -> Complaints {
    let code = code::bare_without_tests(&file.text);
    let macros = ["print!", "println!", "eprint!", "eprintln!"];
    let found = macros.iter().flat_map(|name| code::words(&code, name).map(move |at| (at, name)));
    found.map(|(at, name)| file.complain(at, format!("{name} panics; write through cli::say"))).collect()
}

/// Nothing is left for later. The words are put together here so that this file does not hold them itself.
pub fn leftovers(file: &File) -> Complaints {
    let words = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    let found = words.iter().flat_map(|word| code::words(&file.text, word).map(move |at| (at, word)));
    found.map(|(at, word)| file.complain(at, format!("{word} is left"))).collect()
}
