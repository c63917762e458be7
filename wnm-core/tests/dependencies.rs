//! docs/DEPENDENCIES.md lists exactly the direct dependencies of the workspace.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "the test reads the manifests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/DEPENDENCIES.md";

/// Returns the external dependencies of one manifest, of every kind and platform.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_list = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            // A dependency with a section of its own: `[dependencies.serde]`.
            if let Some((_, name)) = section.split_once("dependencies.") {
                names.insert(name.to_owned());
            }
            is_list = section.ends_with("dependencies");
        } else if is_list && let Some(name) = line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()) {
            names.insert(name.to_owned());
        }
    }
    names.retain(|name| !name.starts_with("wnm-") && !name.starts_with('#'));
    names
}

/// Returns the rows of the table: crate, purpose, maintainer.
fn rows(page: &str) -> Vec<[String; 3]> {
    let cells = |line: &str| {
        let cells: Vec<String> = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().ok()
    };
    page.lines().filter(|line| line.starts_with("| `")).map(|line| cells(line).unwrap()).collect()
}

#[test]
fn page_lists_each_direct_dependency() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut used = BTreeSet::new();
    let mut manifests = 0;
    for entry in fs::read_dir(root).unwrap() {
        if let Ok(manifest) = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")) {
            used.extend(dependencies(&manifest));
            manifests += 1;
        }
    }
    assert!(manifests >= 8, "only {manifests} manifests found");
    let rows = rows(&fs::read_to_string(root.join(PAGE)).unwrap());
    let listed: Vec<String> = rows.iter().map(|[name, ..]| name.trim_matches('`').to_owned()).collect();
    assert!(listed.is_sorted(), "{PAGE} is not sorted");
    let listed: BTreeSet<String> = listed.into_iter().collect();
    let missing: Vec<_> = used.difference(&listed).collect();
    let unused: Vec<_> = listed.difference(&used).collect();
    assert!(missing.is_empty() && unused.is_empty(), "{PAGE} lacks {missing:?}, and lists {unused:?} in vain");
    for [name, purpose, maintainer] in rows {
        assert!(!purpose.is_empty() && maintainer.contains("](https://"), "{name}");
    }
}

#[test]
fn every_form_of_a_dependency_is_found() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n# Why.\nc = { version = \"1\" }\n\
                    wnm-core.workspace = true\n[target.'cfg(unix)'.dependencies]\nd = \"1\"\n[dev-dependencies.e]\nversion = \"1\"\n\
                    [features]\nf = []\n";
    assert_eq!(dependencies(manifest).into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
}
