//! The weight of a slice, and of the slice around it.
//!
//! The slices of all colonies are in `wnm.slice`, which competes with the other services of the host. Its weight is the
//! greatest of theirs. Like the CPU limit, weights end with the next boot, and the first cycle after it sets them again.

use std::fs;
use std::path::{Path, PathBuf};

use wnm_core::Weight;

use super::slice::Slice;
use super::user_units;
use crate::error::PlatformError;
use crate::weight::{Weights, cpu_weight_of};

/// A property of a slice with its older names.
struct Property {
    name: &'static str,
    older: &'static str,
}

const CPU: Property = Property { name: "CPUWeight", older: "CPUShares" };
const IO: Property = Property { name: "IOWeight", older: "BlockIOWeight" };

impl Slice {
    /// Returns the folder of the outermost slice, whose weight counts against other work.
    pub(crate) fn outer_folder(&self) -> PathBuf {
        self.folder().parent().map_or_else(|| self.folder(), Path::to_owned)
    }

    /// Sets the weights until the next boot, so far as they differ. Weights of the administrator stay.
    pub(crate) fn weigh(&self, weights: Weights) -> Result<(), PlatformError> {
        self.set(self.name(), &self.folder(), &CPU, weights.cpu)?;
        self.set(self.name(), &self.folder(), &IO, weights.io)?;
        let outer = self.outer_folder();
        let version = self.controller().version();
        let others = self.other_colonies();
        let cpu = others.iter().filter_map(|folder| cpu_weight_of(version, folder)).map(Weight::share);
        let greatest = cpu.fold(weights.cpu.share(), u16::max);
        let cpu = if greatest == weights.cpu.share() { weights.cpu } else { Weight::Share(greatest) };
        self.set(self.outer(), &outer, &CPU, cpu)?;
        self.set(self.outer(), &outer, &IO, weights.io)
    }

    /// Removes the weights that wnm set; of the slice around only if no other colony is in it.
    pub(crate) fn unweigh(&self) -> Result<(), PlatformError> {
        self.unset(self.name())?;
        if self.other_colonies().is_empty() { self.unset(self.outer()) } else { Ok(()) }
    }

    /// Returns the folders of the slices of other colonies.
    fn other_colonies(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.outer_folder()).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let is_slice = |path: &PathBuf| path.extension().is_some_and(|it| it == "slice") && *path != self.folder();
        paths.filter(is_slice).collect()
    }

    /// Returns the name of the slice around: `wnm.slice` of `wnm-55000.slice`.
    fn outer(&self) -> &'static str {
        "wnm.slice"
    }

    fn set(&self, slice: &str, folder: &Path, property: &Property, weight: Weight) -> Result<(), PlatformError> {
        let noted = self.noted(slice, property);
        let is_lost = property.name == CPU.name
            && weight.is_behind()
            && cpu_weight_of(self.controller().version(), folder).is_some_and(|weight| !weight.is_behind());
        // systemd knows `idle` for CPU time only, since version 252.
        let text = if property.name == CPU.name { weight.to_string() } else { weight.share().to_string() };
        if noted.as_deref() == Some(&text) && !is_lost || self.is_set_by_administrator(slice, property) {
            return Ok(());
        }
        let set = |text: &str| {
            let assignment = format!("{}={text}", property.name);
            self.bus().change(["set-property", "--runtime", "--", slice, &assignment])
        };
        match set(&text) {
            Err(_) if weight == Weight::Idle => set(&weight.share().to_string()),
            result => result,
        }
    }

    fn unset(&self, slice: &str) -> Result<(), PlatformError> {
        for property in [CPU, IO] {
            if self.noted(slice, &property).is_some() {
                self.bus().change(["set-property", "--runtime", "--", slice, &format!("{}=", property.name)])?;
                // An empty runtime setting would override a weight that the administrator configured in /etc.
                self.bus().remove(&self.note_of(slice, &property))?;
            }
        }
        Ok(())
    }

    /// Returns the file in which systemd stores a property that was set with `--runtime`.
    fn note_of(&self, slice: &str, property: &Property) -> PathBuf {
        self.control().join(format!("{slice}.d/50-{}.conf", property.name))
    }

    fn noted(&self, slice: &str, property: &Property) -> Option<String> {
        let text = fs::read_to_string(self.note_of(slice, property)).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(property.name)?.strip_prefix('='))?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn is_set_by_administrator(&self, slice: &str, property: &Property) -> bool {
        let folders = if self.is_users() {
            let own = user_units();
            vec![own.with_file_name("user.control"), own, "/etc/systemd/user".into()]
        } else {
            let folders = ["system", "system.control"].map(|name| Path::new("/etc/systemd").join(name));
            folders.into_iter().chain(["/usr/lib/systemd/system".into()]).collect()
        };
        folders.iter().any(|folder| sets(folder, slice, property))
    }
}

/// Tells whether a folder of units has a definition of a slice that sets a property.
fn sets(folder: &Path, slice: &str, property: &Property) -> bool {
    let drop_ins = [format!("{slice}.d"), "wnm-.slice.d".to_owned()];
    let drop_ins = drop_ins.iter().filter(|name| *name != "wnm-.slice.d" || slice.starts_with("wnm-"));
    let drop_ins = drop_ins.flat_map(|name| fs::read_dir(folder.join(name)).into_iter().flatten().flatten());
    let files = drop_ins.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "conf"));
    let is_set = |line: &str| {
        let key = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        key.is_some_and(|(key, value)| (key == property.name || key == property.older) && !value.is_empty())
    };
    files.chain([folder.join(slice)]).any(|file| fs::read_to_string(file).is_ok_and(|text| text.lines().any(is_set)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_the_administrator_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let found = |slice, property| sets(folder.path(), slice, property);
        write("wnm-55000.slice.d/10-memory.conf", "[Slice]\nMemoryMax=4G\n# CPUWeight=5\nCPUWeight=\n");
        write("wnm.slice.d/notes.txt", "CPUWeight=5\n");
        assert!(!found("wnm-55000.slice", &CPU) && !found("wnm.slice", &CPU));
        write("wnm.slice.d/60-mine.conf", "[Slice]\nCPUShares = 512\n");
        assert!(found("wnm.slice", &CPU) && !found("wnm.slice", &IO) && !found("wnm-55000.slice", &CPU));
        write("wnm-.slice.d/all.conf", "[Slice]\nIOWeight=50\n");
        assert!(found("wnm-55000.slice", &IO) && !found("wnm.slice", &IO));
    }
}
