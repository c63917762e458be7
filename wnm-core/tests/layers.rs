//! The order of the modules: model, probe, policy, fleet, action, engine, format. Imports go to the left only, and no
//! modules of the engine import each other in a circle. Storage paths are called with a deadline.

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

/// Calls on a path that hang with its file system. A call with a deadline is in `files`, `guarded` or `volume`.
const DIRECT_CALLS: [&str; 24] = [
    "fs::read",
    "fs::write(",
    "fs::copy(",
    "fs::rename(",
    "fs::remove_",
    "fs::create_dir",
    "fs::metadata(",
    "fs::symlink_metadata(",
    "fs::canonicalize(",
    "fs::set_permissions(",
    "fs::hard_link(",
    "fs::exists(",
    "fs::open(",
    "fs::openat(",
    "fs::statvfs(",
    "fs::access(",
    " openat(",
    "File::open(",
    "File::create",
    "OpenOptions::new(",
    ".exists()",
    ".canonicalize()",
    ".symlink_metadata()",
    ".read_link()",
];

/// The modules that may call so, with the reason why no path of theirs can hold a command.
const DIRECT_CALLERS: [(&str, &str); 26] = [
    ("wnm-platform/src/files.rs", "each call runs in the helper thread of its volume"),
    ("wnm-platform/src/chunk_store.rs", "/proc/locks"),
    ("wnm-platform/src/guarded", "each call runs in the helper thread of its volume"),
    ("wnm-platform/src/volume/", "the questions whether a volume answers, in its helper thread"),
    ("wnm-platform/src/node_dir/delete.rs", "part of steps and sweeps, in the helper thread"),
    ("wnm-platform/src/node_dir/trash.rs", "part of steps and sweeps, in the helper thread"),
    ("wnm-platform/src/node_log/file.rs", "each reading runs in the helper thread"),
    ("wnm-platform/src/observe/folders.rs", "each measurement runs in the helper thread"),
    ("wnm-platform/src/transfer/", "copies have threads of their own, and switches run in the helper thread"),
    ("wnm-platform/src/fake_node/", "the test double of a node"),
    ("wnm-platform/src/exec/tool_faults.rs", "a test"),
    ("wnm-platform/src/places.rs", "the database of the user"),
    ("wnm-platform/src/probe/", "the scratch folder of probes"),
    ("wnm-platform/src/cpu_limit/", "control groups"),
    ("wnm-platform/src/weight/", "control groups and /proc"),
    ("wnm-platform/src/observe/host", "/proc and /sys"),
    ("wnm-platform/src/observe/isolation.rs", "/proc"),
    ("wnm-platform/src/observe/process", "/proc"),
    ("wnm-platform/src/observe/silent.rs", "/proc"),
    ("wnm-platform/src/firewall/", "/etc"),
    ("wnm-platform/src/manager/systemd", "units, and /proc"),
    ("wnm-platform/src/manager/launchd", "property lists"),
    ("wnm-platform/src/manager/antctl.rs", "the registry of antctl"),
    ("wnm-platform/src/service_install/", "the service of wnm, and crontabs"),
    ("wnm-cli/src/commands/doctor/supervisors.rs", "the programs of other tools"),
    ("wnm-cli/src/takeover/anm.rs", "the crontab and the files of another tool"),
];

/// Returns the lines of a module before its tests that call the file system without a deadline.
fn direct_calls(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.filter(|line| DIRECT_CALLS.iter().any(|call| line.contains(call))).collect()
}

/// Returns the sources below a folder, without tests.
fn sources_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources_below(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn storage_paths_are_called_with_a_deadline() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = Vec::new();
    for folder in
        ["wnm-platform/src", "wnm-cli/src/commands/doctor", "wnm-cli/src/commands/trash", "wnm-cli/src/takeover"]
    {
        sources_below(&root.join(folder), &mut sources);
    }
    assert!(sources.len() > 150, "only {} sources found", sources.len());
    let mut used = BTreeSet::new();
    for path in sources {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let calls = direct_calls(&text);
        match DIRECT_CALLERS.iter().find(|(prefix, _)| name.starts_with(prefix)) {
            Some((prefix, _)) if !calls.is_empty() => _ = used.insert(*prefix),
            Some(_) => {}
            None => {
                assert!(calls.is_empty(), "{name} calls a file system without a deadline: {calls:#?}; use crate::files")
            }
        }
    }
    let unused: Vec<_> = DIRECT_CALLERS.iter().filter(|(prefix, _)| !used.contains(prefix)).collect();
    assert!(unused.is_empty(), "listed in vain: {unused:?}");
}

#[test]
fn calls_without_a_deadline_are_found() {
    let text = "fn a() {\n  fs::read_dir(p);\n  files::read_dir(p);\n  p.exists();\n  // fs::read(p)\n}\n#[cfg(test)]\nmod tests {\nfs::write(p)\n}\n";
    assert_eq!(direct_calls(text), ["fs::read_dir(p);", "p.exists();"]);
}
