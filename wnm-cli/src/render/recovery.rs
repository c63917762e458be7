//! Nodes that ended by themselves, as text.

use wnm_core::{NodeSample, Presence, Recovery, Timestamp};

use super::duration;

/// Returns how the last process of a node ended, when it starts again, and whether it is in a crash loop.
///
/// A node without a recovery starts in the next cycle. A node whose process manager was faster runs already.
pub(crate) fn text(recovery: Option<&Recovery>, sample: Option<&NodeSample>, now: Timestamp) -> String {
    let observed = || sample.and_then(|sample| sample.exit.as_ref()).map(ToString::to_string);
    let end = recovery.and_then(Recovery::last_end).or_else(observed);
    let next = match recovery.map(|recovery| recovery.retry_at.since(now)) {
        _ if sample.is_some_and(is_up) => "its process manager started it again".to_owned(),
        Some(wait) if !wait.is_zero() => format!("next start in {}", duration(wait)),
        Some(_) | None => "the next cycle starts it".to_owned(),
    };
    let is_loop = recovery.is_some_and(Recovery::is_crash_loop);
    let crash_loop = is_loop.then(|| "crash loop, 5 ends within 10min".to_owned());
    [crash_loop, end, Some(next)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns whether a sample found the process of its node.
pub(crate) const fn is_up(sample: &NodeSample) -> bool {
    matches!(sample.presence, Presence::Answering | Presence::Silent)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wnm_core::{Exit, ExitStatus};

    use super::*;

    #[test]
    fn end_and_next_start_of_a_node() {
        let now = Timestamp::from_secs(1_000);
        let exit = Exit { status: Some(ExitStatus::Code(1)), message: Some("no such wallet".into()) };
        let waiting =
            Recovery { retry_at: now.after(Duration::from_secs(20)), exit: Some(exit.clone()), ..Recovery::default() };
        let looping = Recovery { crash_loop_since: Some(now), ..waiting.clone() };
        let failed = Recovery { error: Some("cannot start".into()), ..waiting.clone() };
        let up = NodeSample { presence: Presence::Answering, ..NodeSample::default() };
        let sample = NodeSample { exit: Some(Box::new(exit)), ..NodeSample::default() };
        let texts = [
            text(None, None, now),
            text(None, Some(&sample), now),
            text(Some(&waiting), None, now),
            text(Some(&failed), None, now),
            text(Some(&looping), None, now),
            text(Some(&looping), None, now.after(Duration::from_secs(60))),
            text(Some(&looping), Some(&up), now),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
        the next cycle starts it
        exit code 1: no such wallet; the next cycle starts it
        exit code 1: no such wallet; next start in 20s
        cannot start; next start in 20s
        crash loop, 5 ends within 10min; exit code 1: no such wallet; next start in 20s
        crash loop, 5 ends within 10min; exit code 1: no such wallet; the next cycle starts it
        crash loop, 5 ends within 10min; exit code 1: no such wallet; its process manager started it again
        ");
    }
}
