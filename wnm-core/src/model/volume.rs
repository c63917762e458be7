//! Volumes: the file systems of storage folders, with their identity, their space and their faults.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::units::{Bytes, Percent};

/// Inodes that a new node needs: twice the 5,000 files of a mature node; chosen.
pub(crate) const NODE_INODES: u64 = 10_000;

/// A volume with a storage folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Volume {
    /// The storage folder.
    pub root: PathBuf,
    /// A number that identifies the volume. It stays the same when the volume is mounted again, and is derived from the
    /// marker in the storage folder, or from the UUID of the file system. 0 if unknown.
    #[serde(default)]
    pub identity: u64,
    /// The name of the space: volumes of the same pool share it. Empty if unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
    /// The fault of the volume; None for a usable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<VolumeFault>,
    /// Whether the operator drains the folder, so that it gets no nodes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
    /// Used share of the volume.
    pub used: Option<Percent>,
    /// Size of the volume.
    pub total: Option<Bytes>,
    /// Space that is available to users without privileges.
    pub available: Option<Bytes>,
    /// Used share of the inodes; None where the file system has no fixed number of inodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes_used: Option<Percent>,
    /// Free inodes; None where the file system has no fixed number of inodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes_free: Option<u64>,
}

/// A fault of a volume. It affects the nodes on the volume and no others, and ends with its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum VolumeFault {
    /// The storage folder is missing, or is not on the volume that holds its nodes.
    Lost,
    /// The file system does not answer.
    Hung,
    /// The file system answers with errors.
    Failing,
    /// The file system is mounted read-only.
    ReadOnly,
}

impl VolumeFault {
    /// Returns the fault as the rest of a sentence whose subject is the volume, such as "is lost".
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Lost => "is lost",
            Self::Hung => "does not answer",
            Self::Failing => "answers with errors",
            Self::ReadOnly => "is read-only",
        }
    }
}

impl Volume {
    /// Returns the used share of bytes or of inodes, whichever is higher.
    #[must_use]
    pub fn fullness(&self) -> Option<Percent> {
        self.used.max(self.inodes_used)
    }

    /// Returns whether both volumes take their space from the same pool.
    #[must_use]
    pub fn shares_space_with(&self, other: &Self) -> bool {
        self.root == other.root || !self.pool.is_empty() && self.pool == other.pool
    }

    /// Returns whether a new node fits: the volume has no fault and is not drained, and `crisis` bytes and enough inodes are free. An
    /// unknown number counts as enough, because thresholds judge it.
    #[must_use]
    pub fn fits(&self, crisis: Bytes) -> bool {
        self.fault.is_none()
            && !self.drained
            && self.available.is_none_or(|available| available >= crisis)
            && self.inodes_free.is_none_or(|free| free >= NODE_INODES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_node_needs_bytes_and_inodes() {
        let gigabytes = |n: u64| Some(Bytes(n * 1_000_000_000));
        let volume = Volume { available: gigabytes(5), ..Volume::default() };
        for (volume, fits) in [
            (volume.clone(), true),
            (Volume { available: gigabytes(1), ..volume.clone() }, false),
            (Volume { available: None, ..volume.clone() }, true),
            (Volume { inodes_free: Some(20_000), ..volume.clone() }, true),
            (Volume { inodes_free: Some(9_999), ..volume.clone() }, false),
            (Volume { fault: Some(VolumeFault::ReadOnly), ..volume.clone() }, false),
            (Volume { drained: true, ..volume.clone() }, false),
        ] {
            assert_eq!(volume.fits(Bytes(2_000_000_000)), fits, "{volume:?}");
        }
    }

    #[test]
    fn inodes_count_like_bytes() {
        let percent = |value| Percent::new(value).ok();
        for (used, inodes, fullness) in
            [(Some(40.0), None, 40.0), (Some(40.0), Some(97.0), 97.0), (Some(40.0), Some(3.0), 40.0)]
        {
            let [used, inodes_used] = [used, inodes].map(|share| share.and_then(percent));
            assert_eq!(Volume { used, inodes_used, ..Volume::default() }.fullness(), percent(fullness));
        }
    }

    #[test]
    fn record_of_an_earlier_build_is_read() {
        let text = r#"{"root": "/s", "device": 7, "used": 12.5, "total": 100, "available": 80}"#;
        let read: Volume = serde_json::from_str(text).unwrap();
        assert_eq!((read.identity, read.fault, read.total), (0, None, Some(Bytes(100))));
    }
}
