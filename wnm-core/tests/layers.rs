//! The order of the modules: model, probe, policy, fleet, action, engine, format. Imports go to the left only, and no
//! modules of the engine import each other in a circle.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "the test reads the sources")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folders of `src`, each of which may import those before it.
const LAYERS: [&str; 7] = ["model", "probe", "policy", "fleet", "action", "engine", "format"];

/// Returns every source file with its path below `src`.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

/// Returns the identifiers that follow `prefix` in code; comments are not code.
fn names_after<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(move |line| line.match_indices(prefix).map(move |(at, _)| &line[at + prefix.len()..]))
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

/// Returns the part of a path at `depth`, without the extension.
fn part(path: &Path, depth: usize) -> Option<String> {
    let name = path.components().nth(depth)?.as_os_str().to_str()?;
    Some(name.trim_end_matches(".rs").to_owned())
}

#[test]
fn folders_import_to_the_left_only() {
    let mut wrong = Vec::new();
    let mut imports = 0;
    for (path, text) in sources() {
        let Some(own) = part(&path, 0).and_then(|folder| LAYERS.iter().position(|layer| **layer == *folder)) else {
            continue;
        };
        for name in names_after(&text, "crate::") {
            let Some(imported) = LAYERS.iter().position(|layer| *layer == name) else { continue };
            imports += 1;
            if imported > own {
                wrong.push(format!("{} imports {name}", path.display()));
            }
        }
    }
    assert!(imports > 100, "only {imports} imports found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_of_the_engine_form_no_circle() {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources() {
        if !path.starts_with("engine") || path.ends_with("engine/mod.rs") {
            continue;
        }
        let Some(module) = part(&path, 1) else { continue };
        let imported = names_after(&text, "crate::engine::").filter(|name| *name != module).map(str::to_owned);
        graph.entry(module.clone()).or_default().extend(imported);
    }
    assert!(graph.len() > 5, "{graph:?}");
    // Take modules that import nothing that is left, until nothing is left or only circles are.
    while let Some(free) = graph.iter().find(|(_, imports)| !imports.iter().any(|name| graph.contains_key(name))) {
        let free = free.0.clone();
        graph.remove(&free);
    }
    assert!(graph.is_empty(), "modules in or before a circle: {graph:?}");
}
