//! The versions of the nodes, and how many nodes are behind the newest one.

use std::collections::BTreeMap;

use wnm_core::Version;

/// The nodes of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfVersion<'a> {
    /// The version, or `unknown`.
    pub(crate) name: &'a str,
    pub(crate) nodes: usize,
    /// Whether another node runs a newer version. An unknown version is not older.
    pub(crate) is_older: bool,
}

/// Returns the counts by version, the newest first and the unknown ones last.
pub(crate) fn newest_first(by_version: &BTreeMap<String, usize>) -> Vec<OfVersion<'_>> {
    let mut versions: Vec<(Option<Version>, &str, usize)> =
        by_version.iter().map(|(version, count)| (version.parse().ok(), version.as_str(), *count)).collect();
    versions.sort_by(|a, b| b.0.cmp(&a.0));
    let newest = versions.first().and_then(|(version, ..)| version.clone());
    let of_version = |(version, name, nodes): (Option<Version>, _, _)| OfVersion {
        name,
        nodes,
        is_older: version.is_some() && version != newest,
    };
    versions.into_iter().map(of_version).collect()
}

/// Returns the newest version of a node; None if no version is known.
pub(crate) fn newest(by_version: &BTreeMap<String, usize>) -> Option<&str> {
    newest_first(by_version).first().filter(|newest| newest.name.parse::<Version>().is_ok()).map(|newest| newest.name)
}

/// Returns the count of nodes with an older version than the newest.
pub(crate) fn older(by_version: &BTreeMap<String, usize>) -> usize {
    newest_first(by_version).iter().filter(|version| version.is_older).map(|version| version.nodes).sum()
}

/// Returns the counts in one line: `0.4.17 × 12, 0.4.15 × 3 (older)`.
pub(crate) fn line(by_version: &BTreeMap<String, usize>) -> String {
    let version = |version: &OfVersion<'_>| {
        let older = if version.is_older { " (older)" } else { "" };
        format!("{} × {}{older}", version.name, version.nodes)
    };
    newest_first(by_version).iter().map(version).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_are_marked() {
        for (counts, text, first, behind) in [
            (&[][..], "", None, 0),
            (&[("0.4.17", 15)], "0.4.17 × 15", Some("0.4.17"), 0),
            (&[("unknown", 2)], "unknown × 2", None, 0),
            (
                &[("0.4.15", 3), ("0.4.17", 12), ("unknown", 2)],
                "0.4.17 × 12, 0.4.15 × 3 (older), unknown × 2",
                Some("0.4.17"),
                3,
            ),
            (
                &[("0.4.10", 1), ("0.4.9", 2), ("0.4.10-rc.1", 4)],
                "0.4.10 × 1, 0.4.10-rc.1 × 4 (older), 0.4.9 × 2 (older)",
                Some("0.4.10"),
                6,
            ),
        ] {
            let counts = counts.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect();
            assert_eq!((line(&counts).as_str(), newest(&counts), older(&counts)), (text, first, behind));
        }
    }
}
