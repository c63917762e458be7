//! Command lines of the Python wnm with their translations.

use super::*;

fn line(words: &str) -> Vec<OsString> {
    // Words in quotes hold spaces.
    let mut args = Vec::new();
    for (i, part) in words.split('\'').enumerate() {
        match i % 2 {
            0 => args.extend(part.split_whitespace().map(OsString::from)),
            _ => args.push(OsString::from(part)),
        }
    }
    args
}

fn rewritten(words: &str) -> Result<(Vec<OsString>, Vec<String>), String> {
    match rewrite(line(words)) {
        Ok(Rewritten::Line { args, notes }) => Ok((args, notes)),
        Ok(Rewritten::Nothing { reason }) => Err(reason.to_owned()),
        Err(error) => Err(format!("{error}\n{}", error.hint())),
    }
}

/// The translation of each line, without a message.
const LINES: &[(&str, &str)] = &[
    // Lines of crontabs.
    ("wnm", "wnm"),
    ("/usr/local/bin/wnm", "/usr/local/bin/wnm"),
    ("wnm -q", "wnm -q"),
    ("wnm --quiet", "wnm --quiet"),
    ("wnm -v", "wnm -v"),
    ("wnm -qv", "wnm -qv"),
    ("wnm --version", "wnm --version"),
    ("wnm -h", "wnm -h"),
    ("wnm --json", "wnm --json"),
    ("wnm --dry_run", "wnm run --dry-run"),
    (
        "wnm -q --dbpath sqlite:////home/op/.local/share/autonomi/colony.db",
        "wnm -q --db /home/op/.local/share/autonomi/wnm.db",
    ),
    ("wnm --force_action survey", "wnm node survey"),
    ("wnm -q --force_action survey --this_survey_delay 50", "wnm -q node survey --interval=50"),
    // Actions on nodes.
    ("wnm --force_action add", "wnm node add"),
    ("wnm --force_action add --count 3", "wnm node add --count=3"),
    ("wnm --force_action=add --count=3 --dry_run", "wnm node add --count=3 --dry-run"),
    ("wnm --force_action add --count 3 --interval 500", "wnm node add --count=3 --interval=500"),
    ("wnm --force_action add --count 3 --this_action_delay 500", "wnm node add --count=3 --interval=500"),
    ("wnm --force_action remove --service_name antnode0003", "wnm node remove antnode0003 --yes"),
    ("wnm --force_action remove --count 2", "wnm node remove --count=2 --yes"),
    ("wnm --force_action remove", "wnm node remove --count=1 --yes"),
    ("wnm --force_action remove --confirm", "wnm node remove --count=1 --yes"),
    ("wnm --force_action remove --count 2 --dry_run", "wnm node remove --count=2 --dry-run"),
    ("wnm --service_name antnode0001,antnode0003 --force_action upgrade", "wnm node upgrade antnode0001,antnode0003"),
    ("wnm --force_action start --count 5", "wnm node start --count=5"),
    ("wnm --force_action stop --service_name antnode0003.service", "wnm node stop antnode0003.service"),
    ("wnm --force_action stop", "wnm node stop --count=1"),
    ("wnm --force_action start", "wnm node start --count=1"),
    ("wnm --force_action upgrade", "wnm node upgrade --count=1"),
    ("wnm --force_action disable --service_name antnode0003", "wnm node disable antnode0003"),
    ("wnm --force_action teardown --confirm", "wnm teardown --yes"),
    ("wnm --force_action teardown", "wnm teardown"),
    ("wnm --force_action teardown --confirm --dry_run", "wnm node remove --all --dry-run"),
    ("wnm --force_action nullop", "wnm run --dry-run"),
    ("wnm --force_action update_config", "wnm run --dry-run"),
    (
        "wnm --force_action update_config --node_cap 60 --start_args '--local --first' --no_upnp",
        "wnm config set --yes node-cap=60 'start-args=--local --first' no-upnp=true",
    ),
    ("wnm --force_action update_config --highest_node_id_used 9", "wnm config set highest-node-id-used=9"),
    ("wnm --force_action nullop --cpu_less_than 60 --dry_run", "wnm run --dry-run --cpu-less-than=60"),
    ("wnm --force_action disable_config --no_upnp", "wnm config set no-upnp=false"),
    ("wnm --force_action wnm-db-migration --confirm", "wnm db migrate"),
    ("wnm --migrate_anm", "wnm init --from-anm"),
    ("wnm --init --migrate_anm", "wnm init --from-anm"),
    ("wnm --init --import --process_manager systemd+sudo", "wnm init --import --process-manager=systemd+sudo"),
    ("wnm --init --dry_run", "wnm init --dry-run"),
    ("wnm -c /etc/wnm.conf", "wnm --config /etc/wnm.conf"),
    ("wnm -c/etc/wnm.conf --report node-status", "wnm --config /etc/wnm.conf report node-status"),
    ("wnm --force_action survey --dry_run", "wnm node survey --dry-run"),
    ("wnm --force_action survey --interval 20", "wnm node survey --interval=20"),
    // Reports.
    ("wnm --report node-status", "wnm report node-status"),
    ("wnm --report node-status-details --report_format json", "wnm report node-status-details --format=json"),
    ("wnm --report node-status --json", "wnm report node-status --format=json"),
    ("wnm --report node-status --report_format text --json", "wnm report node-status --format=json"),
    (
        "wnm --report influx-resources --service_name antnode0001,antnode0003",
        "wnm report influx-resources antnode0001,antnode0003",
    ),
    ("wnm --report machine-config --report_format env -q", "wnm -q report machine-config --format=env"),
    ("wnm --report machine-metrics --report_format=config", "wnm report machine-metrics --format=config"),
    // A new colony.
    (
        "wnm --init --rewards_address 0x00455d78f850b0358E8cea5be24d415E01E107CF --node_cap 50",
        "wnm init --rewards-address=0x00455d78f850b0358E8cea5be24d415E01E107CF --node-cap=50",
    ),
    (
        "wnm --init --rewards_address faucet:1,donate:10 --no_upnp",
        "wnm init --rewards-address=faucet:1,donate:10 --no-upnp",
    ),
    ("wnm --process_manager setsid+user --init", "wnm init --process-manager=setsid+user"),
    // The database and the log level.
    ("wnm --dbpath sqlite:///colony.db", "wnm --db wnm.db"),
    ("wnm --dbpath /srv/colony.db --report node-status", "wnm --db /srv/wnm.db report node-status"),
    ("wnm --dbpath '/srv/my nodes/colony.db'", "wnm --db '/srv/my nodes/wnm.db'"),
    ("wnm --dbpath sqlite:////srv/wnm.db", "wnm --db /srv/wnm.db"),
    ("wnm --loglevel DEBUG", "wnm -v"),
    ("wnm --loglevel info", "wnm"),
    ("wnm --loglevel WARNING", "wnm"),
    ("wnm --loglevel ERROR", "wnm -q"),
    ("wnm --loglevel=CRITICAL", "wnm -q"),
    // Flags for one cycle.
    ("wnm --enable_upgrade", "wnm run --this-enable-upgrade"),
    ("wnm --this_action_delay 100 --this_survey_delay 5", "wnm run --this-action-delay=100 --this-survey-delay=5"),
    ("wnm --interval 100", "wnm run --this-action-delay=100"),
    ("wnm --dry_run --enable_upgrade --cpu_less_than 60", "wnm run --dry-run --this-enable-upgrade --cpu-less-than=60"),
    // Settings whose values look like flags.
    ("wnm --start_args --local", "wnm run --start-args=--local"),
    ("wnm --start_args '--local --first'", "wnm run '--start-args=--local --first'"),
    ("wnm --environment 'A=1 B=2'", "wnm run '--environment=A=1 B=2'"),
    ("wnm --environment=", "wnm run --environment="),
    // New command lines stay unchanged.
    ("wnm run --node_cap 5", "wnm run --node_cap 5"),
    ("wnm --db /x --json status", "wnm --db /x --json status"),
    ("wnm --log-format json node stop 3", "wnm --log-format json node stop 3"),
    ("wnm --node-cap 50 status", "wnm --node-cap 50 status"),
    ("wnm report node-status --format json 1,2", "wnm report node-status --format json 1,2"),
    // Unknown flags are left to clap.
    ("wnm --node_capp 50", "wnm run --node_capp 50"),
    ("wnm --force_action add --countt 3", "wnm node add --countt 3"),
    ("wnm --frobnicate", "wnm run --frobnicate"),
    ("wnm frobnicate", "wnm frobnicate"),
    ("wnm --quiet=yes", "wnm run --quiet=yes"),
    ("wnm -x", "wnm run -x"),
    ("wnm -- --init", "wnm run -- --init"),
];

#[test]
fn old_lines_are_translated() {
    for (old, new) in LINES {
        assert_eq!(rewritten(old), Ok((line(new), Vec::new())), "{old}");
    }
}

#[test]
fn underscores_and_hyphens_are_equal() {
    // New lines and unknown flags keep their spelling.
    let old_ones = LINES.iter().filter(|(old, new)| old != new && !new.contains("capp"));
    for (old, _) in old_ones {
        let dashed = line(old).into_iter().map(|word| match word.to_str().and_then(|text| text.strip_prefix("--")) {
            Some(flag) => {
                let (name, rest) = flag.split_at(flag.find(['=', ' ']).unwrap_or(flag.len()));
                OsString::from(format!("--{}{rest}", name.replace('_', "-")))
            }
            None => word,
        });
        assert_eq!(rewrite(dashed.collect()), rewrite(line(old)), "{old}");
    }
}

#[test]
fn every_setting_is_translated_in_both_spellings() {
    use wnm_core::RawSettings;
    for key in RawSettings::KEYS.iter().filter(|key| **key != "enable_upgrade") {
        let dashed = key.replace('_', "-");
        for spelling in [(*key).to_owned(), dashed.clone()] {
            let (old, new) = match RawSettings::is_switch(key) {
                true => (format!("wnm --{spelling}"), format!("wnm run --{dashed}")),
                // Only the Python wnm wrote it so, and it asked nothing.
                false if spelling == "node_cap" => {
                    (format!("wnm --{spelling} 7"), format!("wnm run --yes --{dashed}=7"))
                }
                false => (format!("wnm --{spelling} 7"), format!("wnm run --{dashed}=7")),
            };
            assert_eq!(rewritten(&old), Ok((line(&new), Vec::new())), "{old}");
        }
    }
}

#[test]
fn every_old_flag_is_known() {
    let help = include_str!("../../tests/data/python-wnm-help.txt");
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let flags: std::collections::BTreeSet<&str> =
        words.filter(|word| word.starts_with("--") && word.len() > 2).collect();
    assert!(flags.len() > 60, "{flags:?}");
    for flag in flags {
        // A flag without a value leaves the second word, which is then a command.
        let read = read::read(&line(&format!("wnm {flag} 1"))).unwrap();
        assert!(read.is_none_or(|line| line.unknown.is_empty()), "{flag}");
    }
}

#[test]
fn every_old_flag_is_in_the_manual() {
    let page = include_str!("../../../docs/from-python-wnm.md");
    let help = include_str!("../../tests/data/python-wnm-help.txt");
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let flags = words.filter(|word| word.starts_with("--") && word.len() > 2);
    let missing = flags.filter(|flag| {
        let is_setting = wnm_core::RawSettings::KEYS.contains(&flag.trim_start_matches('-'));
        !is_setting && !page.contains(&format!("`{flag}")) && !page.contains(&format!(" {flag}"))
    });
    let missing: std::collections::BTreeSet<&str> = missing.collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn ignored_flags_are_reported() {
    let lines: Vec<String> = [
        "wnm --show_decisions",
        "wnm --show_machine_config --show_machine_metrics -q",
        "wnm --count 3 --confirm",
        "wnm --last_stopped_at 5 --rust_backtrace full",
        "wnm --antctl_path /x --antctl_debug --antctl_version 0.14.2",
        "wnm --highest_node_id_used 7",
        "wnm --force_action stop --service_name antnode0001 --count 2",
        "wnm --force_action survey --service_name antnode0001",
        "wnm --force_action upgrade --enable_upgrade",
        "wnm --init --enable_upgrade --rewards_address faucet",
        "wnm --report node-status --confirm",
        "wnm --report influx-resources --report_format json",
    ]
    .iter()
    .map(|old| {
        let (args, notes) = rewritten(old).unwrap();
        let args: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
        format!("{old}\n  {}\n  {}\n", args.join(" "), notes.join("\n  "))
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn untranslatable_lines_are_errors_with_a_hint() {
    let lines: Vec<String> = [
        "wnm --remove_lockfile",
        "wnm --force_action",
        "wnm --force_action frobnicate",
        "wnm --force_action disable",
        "wnm --force_action add --service_name antnode0001",
        "wnm --force_action add --node_cap 60",
        "wnm --force_action disable_config",
        "wnm --force_action disable_config --no_upnp --node_cap 60",
        "wnm --init --report node-status",
        "wnm --report node-status --force_action add",
        "wnm --report node-status --node_cap 3",
        "wnm --loglevel LOUD",
        "wnm --config",
    ]
    .iter()
    .map(|old| format!("{old}\n{}\n", rewritten(old).unwrap_err()))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[cfg(unix)]
#[test]
fn words_that_are_not_utf8_stay_unchanged() {
    use std::os::unix::ffi::OsStringExt;
    let strange = OsString::from_vec(vec![b'-', 0xff]);
    let args = vec!["wnm".into(), "--dbpath".into(), strange.clone()];
    let new = vec!["wnm".into(), "--db".into(), strange.clone()];
    assert_eq!(rewrite(args), Ok(Rewritten::Line { args: new, notes: Vec::new() }));
    let args = vec!["wnm".into(), "--force_action".into(), strange];
    assert!(matches!(rewrite(args), Err(LegacyError::NotUtf8 { flag: "force_action", .. })));
}
