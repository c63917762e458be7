//! Errors of `wnm node update`, `wnm node move` and `wnm storage`.

use std::path::PathBuf;

use wnm_core::Problem;

/// A change of nodes or of storage folders that did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("no value given for {key}: --set takes SETTING=VALUE")]
    NoValue { key: String },
    #[error("invalid value {value:?} for {key}: not {allowed}")]
    Value { key: String, value: String, allowed: &'static str },
    #[error("{key} is a setting of wnm, not of single nodes")]
    NotOfNodes { key: &'static str },
    #[error("{problem}")]
    UnknownSetting { problem: Box<Problem>, known: Vec<&'static str> },
    #[error("{} is not one of the storage folders", .folder.display())]
    NotAStorageFolder { folder: PathBuf, storage: Vec<PathBuf> },
    #[error("cannot drain {}: no other storage folder can take nodes", .folder.display())]
    NowhereToDrain { folder: PathBuf },
    #[error("{} is a storage folder already", .folder.display())]
    IsAStorageFolder { folder: PathBuf },
    #[error("cannot use storage folder {}: its path is not UTF-8", .folder.display())]
    NotUtf8 { folder: PathBuf },
}

impl ChangeError {
    /// Returns how the operator can continue.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::NoValue { key } => format!("run `wnm node update NODE --set {key}=VALUE`"),
            Self::Value { key, .. } if key == "log_dir" => {
                "give the whole path, as in --set log_dir=/var/log/nodes".to_owned()
            }
            Self::Value { .. } => "list the ports in use with `wnm node show`".to_owned(),
            Self::NotOfNodes { key } => format!("run `wnm config set {key} VALUE`"),
            Self::UnknownSetting { known, .. } => format!("allowed are {}", known.join(", ")),
            Self::NotAStorageFolder { storage, .. } => {
                let storage: Vec<String> = storage.iter().map(|folder| folder.display().to_string()).collect();
                format!("choose one of {}, or run `wnm storage add FOLDER`", storage.join(", "))
            }
            Self::NowhereToDrain { .. } => "add a folder on another drive with `wnm storage add FOLDER`".to_owned(),
            Self::NotUtf8 { .. } => "rename the folder, or choose another one".to_owned(),
            Self::IsAStorageFolder { .. } => "list the storage folders with `wnm storage list`".to_owned(),
        }
    }
}

impl From<ChangeError> for super::CliError {
    fn from(error: ChangeError) -> Self {
        super::CommandError::Change(error).into()
    }
}
