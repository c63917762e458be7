//! The settings that existing nodes keep from their creation, and the update that gives them the present values.

use crate::model::node::Node;
use crate::model::node_update::NodeUpdate;
use crate::policy::settings::Settings;

/// The settings of new nodes that an existing node can get too.
pub const NODE_SETTINGS: [&str; 5] = ["rewards_address", "network", "start_args", "environment", "no_upnp"];

/// Returns the update that gives a node the present values of these settings. A rewards address that the setting allows
/// stays; another one is drawn with the uniformly random `roll`.
#[must_use]
pub fn update_to(settings: &Settings, node: &Node, keys: &[&str], roll: u64) -> NodeUpdate {
    let has = |key: &str| keys.contains(&key);
    let draw = || {
        let is_allowed = settings.rewards.accounts(settings.donate).any(|account| account == node.wallet);
        (!is_allowed).then(|| settings.rewards.draw(roll, settings.donate))
    };
    NodeUpdate {
        wallet: has("rewards_address").then(draw).flatten(),
        network: has("network").then(|| settings.network.clone()),
        arguments: has("start_args").then(|| settings.arguments.clone()),
        environment: has("environment").then(|| settings.environment.clone()),
        upnp: has("no_upnp").then_some(settings.upnp),
        ..NodeUpdate::default()
    }
}
