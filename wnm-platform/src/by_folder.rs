//! Things found by their folder, also through symbolic links. Each folder is resolved once, so that the search for the
//! services and processes of many nodes does not resolve each of them for each node.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files;
use crate::volume;

/// The time that folders without an answer may cost together: another user can name many of them.
const PATIENCE: Duration = Duration::from_secs(18);

/// Things that belong to a folder each.
#[derive(Debug, Clone)]
pub struct ByFolder<T> {
    all: Vec<T>,
    /// The places in `all` of the things with a folder, by its path as given and by the one without links.
    places: BTreeMap<PathBuf, Vec<usize>>,
}

impl<T> FromIterator<(PathBuf, T)> for ByFolder<T> {
    fn from_iter<I: IntoIterator<Item = (PathBuf, T)>>(things: I) -> Self {
        let (mut all, mut given) = (Vec::new(), BTreeMap::<PathBuf, Vec<usize>>::new());
        for (folder, thing) in things {
            given.entry(folder).or_default().push(all.len());
            all.push(thing);
        }
        let begun = Instant::now();
        let mut places = given.clone();
        for (folder, of_folder) in given {
            if begun.elapsed() > PATIENCE {
                break;
            }
            let path = folder.clone();
            let real = volume::within(&folder, volume::CALL, move || files::canonicalize(path));
            if let Some(real) = real.ok().and_then(Result::ok).filter(|real| *real != folder) {
                places.entry(real).or_default().extend(of_folder);
            }
        }
        for of_folder in places.values_mut() {
            of_folder.sort_unstable();
            of_folder.dedup();
        }
        Self { all, places }
    }
}

impl<T> ByFolder<T> {
    /// Returns all things, in the order in which they were given.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.all.iter()
    }

    /// Returns the things of a folder, in the order in which they were given.
    pub fn of(&self, folder: &Path) -> impl Iterator<Item = &T> {
        let given = self.places.get(folder).map(Vec::as_slice).unwrap_or_default();
        let real = files::canonicalize(folder).ok().filter(|real| real != folder);
        let real = real.and_then(|real| self.places.get(&real)).map(Vec::as_slice).unwrap_or_default();
        let mut places = [given, real].concat();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.all.get(place))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_to_the_same_things() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["drive/node-1", "drive/node-2"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        symlink("drive", at("nodes")).unwrap();
        symlink(at("drive/node-2"), at("drive/second")).unwrap();
        let things: ByFolder<u8> = [
            ("nodes/node-1", 1),
            ("drive/node-1", 2),
            ("nodes/second", 3),
            ("drive/node-2/", 4),
            ("gone/node-3", 5),
            ("drive/node-1", 6),
        ]
        .map(|(name, thing)| (at(name), thing))
        .into_iter()
        .collect();
        for (name, expected) in [
            ("drive/node-1", &[1, 2, 6][..]),
            ("nodes/node-1", &[1, 2, 6]),
            ("drive/./node-1", &[1, 2, 6]),
            ("drive/second", &[3, 4]),
            ("nodes/second", &[3, 4]),
            ("drive/node-2", &[3, 4]),
            ("gone/node-3", &[5]),
            ("drive", &[]),
            ("gone", &[]),
        ] {
            assert_eq!(things.of(&at(name)).copied().collect::<Vec<_>>(), expected, "{name}");
        }
    }
}
