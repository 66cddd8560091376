//! The checkers of the house rules: each takes a text and tells what is wrong with it.
#![allow(unreachable_pub, reason = "a module of a test")]

pub mod code;
pub mod cycles;
pub mod docs;
pub mod layers;
pub mod style;

use std::{fs, path::Path};

/// What is wrong, a line each.
pub type Complaints = Vec<String>;

/// A source file.
pub struct File {
    /// From the project's root, with `/`.
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// A complaint about the place at an offset.
    pub fn complain(&self, at: usize, what: String) -> String {
        format!("{}:{}: {what}", self.path, code::line(&self.text, at))
    }
}

/// A text of the project.
pub fn read(path: &str) -> String {
    let whole = root().join(path);
    fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{}: {error}", whole.display()))
}

/// Every file below a folder whose name ends so.
pub fn files(folder: &str, end: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "node_modules" {
                folders.push(path);
            } else if name.ends_with(end) && path.is_file() {
                let text = fs::read_to_string(&path).expect("source is text");
                found.push(File { path: below_root(&path), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn below_root(path: &Path) -> String {
    let below = path.strip_prefix(root()).expect("found below the root");
    below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
