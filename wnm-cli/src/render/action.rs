//! Sentences for actions: the verb with the node, and what changes.

use wnm_core::{Action, NodeUpdate, Upnp};

use wnm_core::secret::masked_words;

use super::secret;

/// Returns an action in the imperative, such as `start antnode0003`.
pub(crate) fn action(action: &Action) -> String {
    let base = format!("{} {}", action.verb(), action.node().name());
    match change(action) {
        Some(change) => format!("{base} {change}"),
        None => base,
    }
}

/// Returns the change of an action for the end of a line, such as `from 0.4.16 to 0.4.17`; None for an action whose verb
/// tells all.
pub(crate) fn change(action: &Action) -> Option<String> {
    match action {
        Action::Start { upgrade_to: Some(to), .. } => Some(format!("with {to}")),
        Action::Upgrade { from: Some(from), to, .. } => Some(format!("from {from} to {to}")),
        Action::Upgrade { from: None, to, .. } => Some(format!("to {to}")),
        Action::Move { to, .. } => Some(format!("to {}", to.display())),
        Action::Update { update, .. } => Some(settings(update)),
        Action::Add { .. }
        | Action::Start { upgrade_to: None, .. }
        | Action::Stop { .. }
        | Action::Disable { .. }
        | Action::Enable { .. }
        | Action::Restore { .. }
        | Action::Restart { .. }
        | Action::Remove { .. } => None,
    }
}

/// Returns the new settings of a node as `SETTING=VALUE`, without the values of secrets.
fn settings(update: &NodeUpdate) -> String {
    let NodeUpdate { wallet, network, arguments, environment, upnp, log_dir, port, metrics_port, rpc_port } = update;
    let variables = |environment: &Vec<(String, String)>| match environment.as_slice() {
        [] => "''".to_owned(),
        environment => secret::variables(environment),
    };
    let line = |words: &[String]| match words {
        [] => "''".to_owned(),
        words => secret::line(&masked_words(words)),
    };
    let pairs = [
        ("rewards_address", wallet.map(|wallet| wallet.to_string())),
        ("network", network.as_ref().map(|words| line(words))),
        ("start_args", arguments.as_ref().map(|words| line(words))),
        ("environment", environment.as_ref().map(variables)),
        ("no_upnp", upnp.map(|upnp| (upnp == Upnp::Off).to_string())),
        ("log_dir", log_dir.as_ref().map(|folder| folder.display().to_string())),
        ("port", port.map(|port| port.to_string())),
        ("metrics_port", metrics_port.map(|port| port.to_string())),
        ("rpc_port", rpc_port.map(|port| port.to_string())),
    ];
    let texts = pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use wnm_core::{Afterwards, NodeId};

    use super::*;

    #[test]
    fn secrets_of_an_update_are_masked() {
        let update = NodeUpdate {
            arguments: Some(vec!["--auth-token=x".to_owned(), "a b".to_owned()]),
            environment: Some(vec![("API_KEY".to_owned(), "x".to_owned()), ("RUST_LOG".to_owned(), "info".to_owned())]),
            upnp: Some(Upnp::Off),
            port: Some(56003),
            ..NodeUpdate::default()
        };
        let update = Action::Update { node: NodeId::FIRST, update: Box::new(update), then: Afterwards::Running };
        assert_eq!(
            action(&update),
            "update antnode0001 start_args=--auth-token=*** 'a b' environment=API_KEY=*** RUST_LOG=info no_upnp=true port=56003"
        );
        let moved = Action::Move { node: NodeId::FIRST, to: "/b".into(), then: Afterwards::Stopped };
        assert_eq!(action(&moved), "move antnode0001 to /b");
    }
}
