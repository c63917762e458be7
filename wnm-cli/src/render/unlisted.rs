//! Folders of nodes that the database does not contain.

use wnm_core::UnlistedFolder;

/// Returns the line of `wnm status` about such folders; None without one.
pub(super) fn line(folders: &[UnlistedFolder]) -> Option<String> {
    let first = folders.first()?.folder.file_name().unwrap_or_default().to_string_lossy();
    let subject = match folders.len() {
        1 => format!("{first} is"),
        2 => format!("{first} and 1 other folder are"),
        count => format!("{first} and {} other folders are", count - 1),
    };
    Some(format!("  {:<12}{subject} not in the database: see `wnm doctor`\n", "unlisted"))
}

#[cfg(test)]
mod tests {
    use wnm_core::NodeId;

    use super::*;

    #[test]
    fn line_names_the_first_folder_and_counts_the_others() {
        let folder = |number| UnlistedFolder {
            folder: format!("/s/antnode000{number}").into(),
            number: NodeId::new(number).unwrap(),
            uuid: String::new(),
        };
        for (count, subject) in [
            (0, None),
            (1, Some("antnode0001 is")),
            (2, Some("antnode0001 and 1 other folder are")),
            (3, Some("antnode0001 and 2 other folders are")),
        ] {
            let folders: Vec<UnlistedFolder> = (1..=count).map(folder).collect();
            let expected =
                subject.map(|subject| format!("  unlisted    {subject} not in the database: see `wnm doctor`\n"));
            assert_eq!(line(&folders), expected);
        }
    }
}
