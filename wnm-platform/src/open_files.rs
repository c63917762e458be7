//! The limit on open files, which every node that wnm starts itself inherits.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of nodes, `LimitNOFILE=` of the units that wnm writes. The default of most systems is 1024, and a node with
/// many peers needs more.
pub const WANTED: u64 = 65_536;

/// Raises the soft limit of this process to [`WANTED`], and the hard limit where this process may.
///
/// A limit that stays lower is no error: [`limit`] tells it.
pub fn raise() {
    let Rlimit { current: Some(soft), maximum } = getrlimit(Resource::Nofile) else { return };
    if soft >= WANTED {
        return;
    }
    let reachable = maximum.map_or(WANTED, |hard| hard.min(WANTED));
    let beyond_hard = Rlimit { current: Some(WANTED), maximum: maximum.map(|hard| hard.max(WANTED)) };
    let within_hard = Rlimit { current: Some(reachable), maximum };
    // macOS refuses more than OPEN_MAX, whatever the hard limit is.
    let least = Rlimit { current: Some(reachable.min(10_240).max(soft)), maximum };
    let raised = [beyond_hard, within_hard, least].into_iter().any(|limit| setrlimit(Resource::Nofile, limit).is_ok());
    if !raised {
        tracing::debug!(soft, "cannot raise the limit on open files");
    }
}

/// Returns the soft limit of this process; None if it has none.
#[must_use]
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Returns the soft limit of another process; None if it has none, or has ended.
#[cfg(not(target_os = "macos"))]
#[must_use]
pub fn limit_of(pid: u32) -> Option<u64> {
    let limits = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?.limits().ok()?;
    match limits.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(soft) => Some(soft),
        procfs::process::LimitValue::Unlimited => None,
    }
}

/// Returns None: macOS tells no other process of it.
#[cfg(target_os = "macos")]
#[must_use]
pub const fn limit_of(_pid: u32) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_raised_as_far_as_allowed() {
        let hard = getrlimit(Resource::Nofile).maximum;
        raise();
        let least = hard.map_or(WANTED, |hard| hard.min(WANTED));
        assert!(limit().is_none_or(|soft| soft >= least), "{:?} of {hard:?}", limit());
        let before = getrlimit(Resource::Nofile);
        raise();
        assert_eq!(getrlimit(Resource::Nofile), before, "a second time changes nothing");
        if cfg!(target_os = "linux") {
            assert_eq!(limit_of(std::process::id()), limit());
        }
        assert_eq!(limit_of(u32::MAX), None);
    }
}
