//! Finds circles among the modules of one folder: through imports, and through methods of a type that is implemented
//! in more than one module, because these call each other without an import.

use std::collections::{BTreeMap, BTreeSet};

use super::{Complaints, File, code};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// What is wrong with the modules below `folder`, such as `src/arbiter`.
pub fn circles(folder: &str, files: &[File]) -> Complaints {
    let modules: Vec<_> = files.iter().filter_map(|file| Some((module(folder, file)?, file))).collect();
    let names: BTreeSet<_> = modules.iter().map(|(name, _)| name.clone()).collect();
    let layer = folder.trim_start_matches("src/");
    let mut graph = Graph::new();
    let mut types: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, file) in &modules {
        let bare = code::bare_without_tests(&file.text);
        let uses = imports(&bare, layer).into_iter().filter(|other| names.contains(other) && other != name);
        graph.entry(name.clone()).or_default().extend(uses);
        for implemented in inherent_impls(&bare) {
            types.entry(implemented).or_default().insert(name.clone());
        }
    }
    let mut complaints = Complaints::new();
    if let Some(circle) = circle(&graph) {
        complaints.push(format!("{folder}: modules import each other in a circle: {}", circle.join(" -> ")));
    }
    for (name, modules) in types.into_iter().filter(|(_, modules)| modules.len() > 1) {
        let modules: Vec<_> = modules.into_iter().collect();
        complaints.push(format!("{folder}: {name} has methods in several modules: {}", modules.join(", ")));
    }
    complaints
}

/// The module right below the folder that a file belongs to: `room` of `src/arbiter/room/state.rs`.
fn module(folder: &str, file: &File) -> Option<String> {
    let below = file.path.strip_prefix(folder)?.strip_prefix('/')?;
    let below = below.trim_end_matches(".rs").split('/').next()?;
    (!file.path.ends_with("tests.rs")).then(|| below.to_owned())
}

/// The modules of the layer that a text names: `a` and `b` of `super::a::X` and `crate::layer::{b::Y, Z}`.
fn imports(bare: &str, layer: &str) -> BTreeSet<String> {
    let crate_path = format!("crate::{layer}");
    let starts = ["super", crate_path.as_str()];
    let after = starts.into_iter().flat_map(|start| {
        code::words(bare, start).map(move |at| &bare[at + start.len()..]).collect::<Vec<_>>()
    });
    let mut found = BTreeSet::new();
    for tree in after {
        let Some(rest) = tree.trim_start().strip_prefix("::") else { continue };
        found.extend(code::heads(rest.trim_start()));
    }
    // `crate::{layer::{a, b}}`
    for at in code::words(bare, layer) {
        if let Some(rest) = bare[at + layer.len()..].trim_start().strip_prefix("::") {
            found.extend(code::heads(rest.trim_start()));
        }
    }
    found
}

/// The types with an `impl Type {`, not those with an `impl Trait for Type {`.
fn inherent_impls(bare: &str) -> impl Iterator<Item = String> {
    let heads = bare.lines().filter_map(|line| line.strip_prefix("impl"));
    heads.filter(|head| head.starts_with([' ', '<']) && !head.contains(" for ")).map(without_generics)
}

fn without_generics(head: &str) -> String {
    let head = head.trim();
    let head = match head.strip_prefix('<') {
        Some(generic) => generic.split_once("> ").map_or("", |(_, rest)| rest),
        None => head,
    };
    head.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// A circle, from a module back to itself.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(graph, start, &mut Vec::new(), &mut done))
}

fn walk(
    graph: &Graph,
    module: &str,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(begin) = path.iter().position(|known| known == module) {
        return Some(path[begin..].iter().cloned().chain([module.to_owned()]).collect());
    }
    if !done.insert(module.to_owned()) {
        return None;
    }
    path.push(module.to_owned());
    let found = graph.get(module)?.iter().find_map(|next| walk(graph, next, path, done));
    path.pop();
    found
}
