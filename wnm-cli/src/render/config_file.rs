//! A change of the config file that is not applied.

use serde::Serialize;

use super::{GREEN, YELLOW, styled};
use crate::config::reload::Refusal;

/// A change of the config file that is not applied, as JSON.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RefusalView<'a> {
    /// The failure and its cause.
    error: &'a str,
    /// How to fix the cause; null without specific advice.
    hint: Option<&'a str>,
}

impl<'a> From<&'a Refusal> for RefusalView<'a> {
    fn from(Refusal { error, hint }: &'a Refusal) -> Self {
        Self { error, hint: hint.as_deref() }
    }
}

/// Returns the warning for a page.
pub(crate) fn text(Refusal { error, hint }: &Refusal) -> String {
    let mut text = format!(
        "{} the settings before the change of the config file stay: {error}\n",
        styled(YELLOW.bold(), "warning:")
    );
    text.extend(hint.iter().map(|hint| format!("{} {hint}\n", styled(GREEN.bold(), "hint:"))));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_names_cause_and_hint() {
        let refusal = Refusal {
            error: "config file /etc/wnm.toml would lower node_cap from 50 to 20 and remove 30 nodes".to_owned(),
            hint: Some("correct the file, or accept it with `wnm config accept`".to_owned()),
        };
        let json = serde_json::to_string(&RefusalView::from(&refusal)).unwrap();
        insta::assert_snapshot!(format!("{}{json}", anstream::adapter::strip_str(&text(&refusal))));
    }
}
