//! The users who can write a file or folder, by its mode and its group.
//!
//! The groups are those of the files in `/etc`: a name service, which the C library would ask, can hang.

use std::collections::BTreeSet;
use std::fs;

/// The users of this host, a line each: name, password, user ID, group ID, and others.
const USERS: &str = "/etc/passwd";
/// The groups of this host, a line each: name, password, group ID, members.
const GROUPS: &str = "/etc/group";

/// Tells whether other users than root and that of wnm can write a file or folder with this mode and group.
///
/// As for sudo, a group counts as other users, apart from that of root. The group of this process is left out too: where
/// each user has a group, as in Debian, files are writable by it. A group of `/etc/group` whose members are root and the
/// user of wnm only gives no other user a right: the group `staff` of `/usr/local/bin` is empty on most hosts.
///
/// The width of a mode differs between operating systems.
pub(crate) fn others_can_write(mode: impl Into<u32>, group: u32) -> bool {
    let mode = mode.into();
    mode & 0o002 != 0 || (mode & 0o020 != 0 && !is_own_group(group))
}

fn is_own_group(group: u32) -> bool {
    if [0, rustix::process::getegid().as_raw()].contains(&group) {
        return true;
    }
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    has_no_other_member(group, rustix::process::geteuid().as_raw(), &text(GROUPS), &text(USERS))
}

/// Tells whether a group is known, and has no other members than root and this user.
fn has_no_other_member(group: u32, user: u32, groups: &str, users: &str) -> bool {
    let number = |line: &str, field| line.split(':').nth(field).and_then(|text| text.parse::<u32>().ok());
    let Some(line) = groups.lines().find(|line| number(line, 2) == Some(group)) else { return false };
    let names = |is_one: &dyn Fn(&str) -> bool| -> BTreeSet<&str> {
        users.lines().filter(|line| is_one(line)).filter_map(|line| line.split(':').next()).collect()
    };
    let own = names(&|line| number(line, 2).is_some_and(|id| id == 0 || id == user));
    let primary = names(&|line| number(line, 3) == Some(group));
    let listed = line.split(':').nth(3).unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    listed.chain(primary).all(|name| own.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_counts_by_its_members() {
        let groups =
            "root:x:0:\nstaff:x:50:\nwheel:x:10:root\nops:x:60:alice, bob\nown:x:61:alice\nant:x:998:\n+::::\nbad";
        let users = "root:x:0:0:root:/root:/bin/sh\nant:x:998:998::/:/sbin/nologin\nalice:x:1000:1000::/home/alice:/bin/sh\n\
                     toor:x:0:62::/root:/bin/sh\nbob:x:1001:1001\n::::";
        for (group, user, is_harmless) in [
            (50, 0, true),
            (10, 1000, true),
            (60, 1000, false),
            (61, 1000, true),
            (61, 0, false),
            // The user of the nodes is in its group without being listed there.
            (998, 0, false),
            (998, 998, true),
            (12345, 0, false),
        ] {
            assert_eq!(has_no_other_member(group, user, groups, users), is_harmless, "{group} {user}");
        }
        assert!(!has_no_other_member(50, 0, "", ""));
    }

    #[test]
    fn bits_of_the_group_count_with_its_members() {
        let own = rustix::process::getegid().as_raw();
        let cases: [(u32, u32, bool); 5] =
            [(0o755, 12345, false), (0o775, 12345, true), (0o775, own, false), (0o775, 0, false), (0o757, own, true)];
        for (mode, group, can_write) in cases {
            assert_eq!(others_can_write(mode, group), can_write, "{mode:o} {group}");
        }
    }
}
