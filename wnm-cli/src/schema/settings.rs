//! The page `docs/settings.md`, generated from the list of settings.

use std::fs;
use std::path::Path;

use wnm_core::RawSettings;

use crate::commands::config::describe::Description;

const HEAD: &str = "# Settings

This page lists every setting of wnm. `wnm config describe SETTING` prints the same facts. A test generates the page from
the list of settings in `wnm-core/src/policy/settings/raw.rs`; `just renew-schemas` renews it.

## Sources

The precedence is: flag, environment variable, config file, database, default.

| source | form |
|---|---|
| flag of `init`, `run` and `daemon` | `--delay-start 5min`; stored in the database |
| environment variable | `WNM_DELAY_START=5min` |
| config file, TOML | `delay_start = \"5min\"` |
| config file of the Python wnm | `delay_start = 5min` |
| database | `wnm config set delay_start=5min`, or `wnm config edit` |

`wnm config list --origin` shows the source of each effective value.

## Units

A bare number has the unit of its setting, as in the Python wnm. A time, a size or a rate may name another unit:

| kind | units | examples |
|---|---|---|
| time | `ms`, `s`, `min` or `m`, `h`, `d`, `w`; several parts add up | `10s`, `5min`, `2h 5min`, `1.5h` |
| size | `B`, `kB`, `MB`, `GB`, `TB` (powers of 1000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024) | `500MB`, `1.5TiB` |
| rate | a size, per second | `10MB`, `10MB/s` |
| percent | `%` | `70%` |

The value must be a whole number of the unit of its setting: `500ms` is no valid value for a setting in seconds. The JSON
of `wnm config list` has bare numbers with the unit beside them.

## List of settings
";

fn page() -> String {
    let section = |setting: &'static wnm_core::Setting| {
        let facts = Description::of(setting);
        let unit = facts.unit.map(|unit| format!("- unit: {}\n", unit.name())).unwrap_or_default();
        let variables: Vec<String> = facts.variables.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "\n### `{}`\n\n{}\n\n- default: {}\n{unit}- allowed: {}\n- takes effect: {}\n- affects: {}\n- flag: `{}`\n- variables: {}\n- example: `{}`\n",
            facts.key,
            facts.description,
            facts.default,
            facts.allowed,
            facts.takes_effect.text(),
            facts.affects.text(),
            facts.flag,
            variables.join(", "),
            facts.example,
        )
    };
    HEAD.to_owned() + &RawSettings::ALL.iter().map(section).collect::<String>()
}

#[test]
fn page_of_settings_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/settings.md");
    if std::env::var_os("WNM_RENEW_SCHEMAS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == page(), "docs/settings.md is stale: run `{}`", super::RENEW);
}
