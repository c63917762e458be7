//! Small wrong changes to the core, each of which some property must notice.
//!
//! Copies the core and the explorer below the target folder, makes one change at a time, and requires that exploring
//! finds a violation. It compiles the core once a change, which takes minutes, so it runs when asked for:
//! `cargo test -p wnm-sim --test mutations -- --ignored`, and with `MUTATION=words` those with these words in the name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "mutations/changes.rs"]
mod changes;

use changes::{CHANGES, Change};

/// What of the explorer is copied: nothing that the other commands need.
const MODULES: [&str; 9] =
    ["chance", "error", "explore", "faults", "fuse", "invariants", "ledger", "scenario", "world"];

const LIBRARY: &str = "
use clap::Parser;
#[derive(Parser)]
pub struct Cli { #[command(flatten)] args: explore::Args }
impl Cli {
    pub fn run(self) -> Exit { explore::run(self.args).unwrap_or_else(|error| error.report()) }
}
";

const MAIN: &str = "
use clap::Parser;
fn main() -> std::process::ExitCode { checker::Cli::parse().run().into() }
";

#[test]
#[ignore = "compiles the core once a change, which takes minutes"]
fn every_wrong_change_is_noticed() {
    let bench = Bench::new();
    assert!(bench.build().is_ok(), "the checker compiles: {:?}", bench.build());
    assert_eq!(bench.explore(), None, "the core as it is violates nothing");
    let mut unnoticed = Vec::new();
    // One of them alone, while working on it.
    let wanted = std::env::var("MUTATION").unwrap_or_default();
    for change in CHANGES.iter().filter(|change| change.name.contains(&wanted)) {
        match bench.try_out(change) {
            Ok(Some(noticed)) => println!("{}: {noticed}", change.name),
            Ok(None) => unnoticed.push(change.name.to_owned()),
            Err(problem) => unnoticed.push(format!("{}: {problem}", change.name)),
        }
    }
    assert!(unnoticed.is_empty(), "not noticed, of {}:\n{}", CHANGES.len(), unnoticed.join("\n"));
}

/// The copy.
struct Bench {
    root: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = home.parent().unwrap();
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
        for folder in ["wnm-core", "checker"] {
            let _ = fs::remove_dir_all(root.join(folder));
        }
        copy(&workspace.join("wnm-core/src"), &root.join("wnm-core/src"));
        fs::copy(workspace.join("wnm-core/Cargo.toml"), root.join("wnm-core/Cargo.toml")).unwrap();
        for module in MODULES {
            let folder = home.join("src").join(module);
            if folder.is_dir() {
                copy(&folder, &root.join("checker/src").join(module));
            } else {
                let file = format!("{module}.rs");
                fs::create_dir_all(root.join("checker/src")).unwrap();
                fs::copy(home.join("src").join(&file), root.join("checker/src").join(&file)).unwrap();
            }
        }
        let modules: String = MODULES.iter().map(|module| format!("mod {module};\n")).collect();
        let library = format!("#![allow(warnings)]\n{modules}pub use error::{{Exit, SimError}};\n{LIBRARY}");
        fs::write(root.join("checker/src/lib.rs"), library).unwrap();
        fs::write(root.join("checker/src/main.rs"), MAIN).unwrap();
        let manifest = fs::read_to_string(home.join("Cargo.toml")).unwrap();
        fs::write(root.join("checker/Cargo.toml"), checker(&manifest)).unwrap();
        let manifest = fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
        fs::write(root.join("Cargo.toml"), of_two(&manifest)).unwrap();
        fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        Self { root }
    }

    fn build(&self) -> Result<(), String> {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--offline", "--quiet", "--package", "checker"])
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("RUSTFLAGS", "-Awarnings")
            .current_dir(&self.root)
            .output()
            .unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Explores, and returns the first violation found.
    fn explore(&self) -> Option<String> {
        let kinds = ["all", "none", "folders,device,missing,reboots", "operator,failures,crashes"];
        kinds.into_iter().find_map(|faults| {
            let output = Command::new(self.root.join("target/debug/checker"))
                .args(["--seeds", "150", "--cycles", "250", "--faults", faults, "--output", "violation.json"])
                .current_dir(&self.root)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            match output.status.code() {
                Some(0) => None,
                Some(3) => Some(said.lines().next().unwrap_or_default().to_owned()),
                code => Some(format!("ended with {code:?}: {}", String::from_utf8_lossy(&output.stderr))),
            }
        })
    }

    /// Makes a change, explores, and takes the change back.
    fn try_out(&self, change: &Change) -> Result<Option<String>, String> {
        let path = self.root.join("wnm-core/src").join(change.file);
        let source = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let places = source.matches(change.from).count();
        if places != 1 {
            return Err(format!("expected its text once in {}, found it {places} times", change.file));
        }
        fs::write(&path, source.replace(change.from, change.to)).map_err(|error| error.to_string())?;
        let found = self.build().map(|()| self.explore());
        fs::write(&path, source).map_err(|error| error.to_string())?;
        found
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Returns the manifest of the explorer as that of a package of another name without its tests.
fn checker(manifest: &str) -> String {
    let manifest = manifest.split("[dev-dependencies]").next().unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
    let needed = ["wnm-core", "clap", "rand_pcg", "serde", "serde_json", "thiserror"];
    let is_needed = |line: &&str| needed.iter().any(|name| line.starts_with(&format!("{name}.")));
    let dependencies: Vec<&str> = dependencies.lines().filter(is_needed).collect();
    format!(
        "[package]\nname = \"checker\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n",
        dependencies.join("\n")
    )
}

/// Returns the manifest of the workspace as that of these two packages, compiled fast.
fn of_two(manifest: &str) -> String {
    let begin = manifest.find("members = [").unwrap();
    let end = begin + manifest[begin..].find(']').unwrap() + 1;
    let profiles = manifest.find("[profile").unwrap_or(manifest.len());
    let members = "members = [\"wnm-core\", \"checker\"]";
    let profile = "[profile.dev]\nopt-level = 1\ndebug = false\n";
    format!("{}{members}{}{profile}", &manifest[..begin], &manifest[end..profiles])
}
