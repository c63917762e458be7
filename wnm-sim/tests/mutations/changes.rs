//! The wrong changes, each as a text of the core and what stands in its place.

/// One wrong change.
pub(crate) struct Change {
    /// What it does, in words.
    pub(crate) name: &'static str,
    /// The file, below the core's sources.
    pub(crate) file: &'static str,
    /// The text, which stands there once.
    pub(crate) from: &'static str,
    /// What it becomes.
    pub(crate) to: &'static str,
}

const fn change(name: &'static str, file: &'static str, from: &'static str, to: &'static str) -> Change {
    Change { name, file, from, to }
}

/// All of them.
pub(crate) const CHANGES: &[Change] = &[
    change(
        "room at the lower mark",
        "pressure.rs",
        "self.seen.is_some_and(|seen| seen < self.less_than)",
        "self.seen.is_some_and(|seen| seen <= self.less_than)",
    ),
    change(
        "pressure at the upper mark",
        "pressure.rs",
        "self.seen.is_some_and(|seen| seen > self.remove)",
        "self.seen.is_some_and(|seen| seen >= self.remove)",
    ),
    change(
        "room where a signal is missing",
        "pressure.rs",
        "self.seen.is_some_and(|seen| seen < self.less_than)",
        "self.seen.is_none_or(|seen| seen < self.less_than)",
    ),
    change(
        "pressure where a signal is missing",
        "pressure.rs",
        "self.seen.is_some_and(|seen| seen > self.remove)",
        "self.seen.is_none_or(|seen| seen > self.remove)",
    ),
    change(
        "full disks make room",
        "pressure.rs",
        "features.remove_hd |= measure.is_exceeded();",
        "features.remove_hd &= measure.is_exceeded();",
    ),
    change(
        "one signal with room is enough",
        "pressure.rs",
        "*allow &= measure.allows();",
        "*allow |= measure.allows();",
    ),
    change(
        "the oldest are stopped",
        "rules/relieve_pressure.rs",
        "choose(situation, First::Youngest, room, Seen::is_running)",
        "choose(situation, First::Oldest, room, Seen::is_running)",
    ),
    change(
        "the oldest stopped are removed",
        "rules/relieve_pressure.rs",
        "choose(situation, First::Youngest, room, |seen| seen.is_stopped()",
        "choose(situation, First::Oldest, room, |seen| seen.is_stopped()",
    ),
    change(
        "the youngest are upgraded",
        "rules/upgrade.rs",
        "choose(situation, First::Oldest, room,",
        "choose(situation, First::Youngest, room,",
    ),
    change(
        "the youngest are started",
        "rules/grow.rs",
        "choose(situation, First::Oldest, room,",
        "choose(situation, First::Youngest, room,",
    ),
    change(
        "twins are taken the wrong way round",
        "rules/mod.rs",
        "First::Youngest => age(b).cmp(&age(a)),",
        "First::Youngest => b.sample.born.cmp(&a.sample.born).then(a.id.cmp(&b.id)),",
    ),
    change(
        "the limit of all operations is ignored",
        "rules/mod.rs",
        "limit.saturating_sub(under_way).min(self.operations_left) as usize",
        "limit.saturating_sub(under_way) as usize",
    ),
    change(
        "what is under way does not count",
        "rules/mod.rs",
        "limit.saturating_sub(under_way).min(self.operations_left) as usize",
        "limit.min(self.operations_left) as usize",
    ),
    change(
        "nodes in an action are chosen",
        "situation.rs",
        "!self.acting && !self.state.is_in_operation() && is_at_hand",
        "!self.state.is_in_operation() && is_at_hand",
    ),
    change(
        "strangers are chosen",
        "situation.rs",
        "matches!(self.sample.presence, Presence::Stray | Presence::FolderMissing)",
        "matches!(self.sample.presence, Presence::FolderMissing)",
    ),
    change(
        "nodes out of sight are chosen",
        "situation.rs",
        "matches!(self.sample.presence, Presence::Stray | Presence::FolderMissing)",
        "matches!(self.sample.presence, Presence::Stray)",
    ),
    change("dead nodes are removed twice", "rules/clear_dead.rs", "seen.is_dead() && !seen.acting", "seen.is_dead()"),
    change(
        "anomalies are not heeded",
        "rules/pause_on_anomaly.rs",
        "Some(anomaly) => Verdict::Rests(Rest::Anomaly { anomaly }),",
        "Some(_) => Verdict::Passes(Pass::NoAnomaly),",
    ),
    change(
        "restarts are not heeded",
        "rules/observe_after_reboot.rs",
        "if situation.observation.rebooted {",
        "if false {",
    ),
    change(
        "mass is only everything",
        "situation.rs",
        "const VANISHING_SHARE: u32 = 5;",
        "const VANISHING_SHARE: u32 = 1;",
    ),
    change(
        "another device is no matter",
        "situation.rs",
        "if missing && is_moved() {",
        "if missing && is_moved() && false {",
    ),
    change(
        "new nodes do not wait for stopped ones",
        "rules/grow.rs",
        "if next_ready.is_some() {",
        "if next_ready.is_some() && false {",
    ),
    change(
        "stopped nodes need not wait",
        "rules/grow.rs",
        "ready_at(seen).is_none_or(|at| at <= observation.now)",
        "ready_at(seen).is_none_or(|_| true)",
    ),
    change("more nodes than the cap", "rules/grow.rs", "left.min((cap - total) as usize)", "left.min(cap as usize)"),
    change(
        "growth does not wait for calm",
        "situation.rs",
        "in_operation == 0 && features.signals_allow()",
        "features.signals_allow()",
    ),
    change(
        "growth beyond the cap",
        "situation.rs",
        "features.allow_node_cap && census.total < policy.node_cap;",
        "features.allow_node_cap;",
    ),
    change(
        "holes are not refilled",
        "allocation.rs",
        ".map_or(NodeId::FIRST, NodeId::next);",
        ".map_or(NodeId::FIRST.next(), NodeId::next);",
    ),
    change(
        "any other version is an upgrade",
        "rules/upgrade.rs",
        "is_some_and(|version| version < target)",
        "is_some_and(|version| version != target)",
    ),
    change(
        "started nodes are downgraded",
        "rules/grow.rs",
        "version.is_some_and(|version| version < target)",
        "version.is_some_and(|version| version > target)",
    ),
    change(
        "refused versions come again",
        "rules/upgrade.rs",
        "if situation.state.is_refused(target) {",
        "if situation.state.is_refused(target) && false {",
    ),
    change(
        "disks are relieved by stopping",
        "rules/relieve_pressure.rs",
        "features.remove_hd || over_cap ||",
        "over_cap ||",
    ),
    change(
        "outdated nodes are removed all at once",
        "rules/relieve_pressure.rs",
        "census.outdated > 0 && census.removing == 0",
        "census.outdated > 0",
    ),
    change(
        "the wrong disk is relieved",
        "rules/relieve_pressure.rs",
        "!for_disk || seen.sample.volume.is_none_or(is_full)",
        "!for_disk || seen.sample.volume.is_none_or(|_| true)",
    ),
    change(
        "waiting begins anew at every look",
        "situation.rs",
        "(Presence::Gone, NodeState::Stopped { .. }) => None,",
        "(Presence::Gone, NodeState::Stopped { cause, .. }) => Some(NodeState::Stopped { since: Some(since), cause: *cause }),",
    ),
    change(
        "the wrong delay",
        "situation.rs",
        "settled(*since, policy.delays.start)",
        "settled(*since, policy.delays.remove)",
    ),
    change(
        "operations end at once",
        "situation.rs",
        "!acting && now.since(since) >= delay",
        "!acting && now.since(since) >= delay / 2",
    ),
    change("one look is enough for death", "situation.rs", "        && state.missing.contains(&id)\n", ""),
    change("a restart is enough for death", "situation.rs", "        && !observation.rebooted\n", ""),
    change(
        "death on an unknown device",
        "situation.rs",
        "        && is_in_place(state, observation, sample.volume);",
        ";",
    ),
    change(
        "the wall clock counts",
        "clock.rs",
        "Timestamp::from_millis(self.now.as_millis().saturating_add_unsigned(elapsed))",
        "Timestamp::from_millis(reading.wall.as_millis().max(elapsed.cast_signed()))",
    ),
    change(
        "nobody knows when a node was stopped",
        "engine.rs",
        "Next::Is(NodeState::Stopped { since: Some(now), cause })",
        "Next::Is(NodeState::Stopped { since: None, cause })",
    ),
    change(
        "a crash forgets what began",
        "engine.rs",
        "self.acting = unfinished.iter().map(ActionRecord::node).collect();",
        "self.acting.clear();",
    ),
    change(
        "an overlooked node is found again",
        "situation.rs",
        "Presence::Unobserved => state.missing.contains(&id),",
        "Presence::Unobserved => false,",
    ),
    change(
        "a device is cached from nothing",
        "engine.rs",
        "on_it().any(|(_, sample)| is_seen(sample.presence)) && !lacks_some()",
        "true",
    ),
    change(
        "removed nodes stay in the books",
        "engine.rs",
        "Action::Remove { .. } => Next::NoMore,",
        "Action::Remove { .. } => Next::Keep,",
    ),
    change(
        "a failed action never ends",
        "engine.rs",
        "Outcome::Done | Outcome::Failed(_) => state.acting.remove(&id),",
        "Outcome::Done | Outcome::Failed(_) => state.acting.insert(id),",
    ),
    change(
        "folders go without a tombstone",
        "steps.rs",
        "&[Tombstone, Stop, SeeGone, Linger, Undefine, Trash, ClosePort]",
        "&[Stop, SeeGone, Linger, Undefine, Trash, ClosePort]",
    ),
    change(
        "folders go while the process runs",
        "steps.rs",
        "&[Tombstone, Stop, SeeGone, Linger, Undefine, Trash, ClosePort]",
        "&[Tombstone, Stop, Undefine, Trash, Linger, SeeGone, ClosePort]",
    ),
    change(
        "a failed add leaves its process",
        "steps.rs",
        "Self::Add { .. } => &[Stop, SeeGone, Undefine, Trash, ClosePort],",
        "Self::Add { .. } => &[Undefine, ClosePort],",
    ),
    change(
        "a new node has no program",
        "steps.rs",
        "&[Folder, Binary, Define, OpenPort, Start, Confirm]",
        "&[Folder, Define, OpenPort]",
    ),
    change(
        "patience never ends",
        "steps.rs",
        "Some(patience) if now.since(since) >= patience => why,",
        "Some(patience) if now.since(since) >= patience * 1_000_000 => why,",
    ),
    change(
        "operations under way do not count",
        "rules/mod.rs",
        "situation.policy.limits.operations.saturating_sub(under_way)",
        "situation.policy.limits.operations.max(under_way)",
    ),
    change(
        "nothing is ever outdated",
        "situation.rs",
        "self.outdated += u32::from(version != target);",
        "self.outdated += u32::from(version > target);",
    ),
    change(
        "the colony's first node holds no upgrade back",
        "situation.rs",
        "census.outdated > 0 && !is_older",
        "census.outdated > 0",
    ),
];
