//! The settings that existing nodes keep from their creation, and the update that gives them the present values.

use crate::model::flavor::Flavor;
use crate::model::node::Node;
use crate::model::node_update::NodeUpdate;
use crate::model::webrtc::WebRtc;
use crate::policy::settings::Settings;

/// The settings of new nodes that an existing node can get too.
pub const NODE_SETTINGS: [&str; 6] = ["rewards_address", "network", "start_args", "environment", "no_upnp", "webrtc"];

impl Settings {
    /// Returns the further arguments of a new node of a flavor: `start_args`, with the flag of `webrtc = false`.
    pub(crate) fn arguments_for(&self, flavor: &Flavor) -> Vec<String> {
        match self.webrtc {
            WebRtc::Off => self.webrtc.applied_to(flavor, &self.arguments),
            // The flag may be one of `start_args`.
            WebRtc::On => self.arguments.clone(),
        }
    }
}

/// Returns the update that gives a node the present values of these settings. A rewards address that the setting allows
/// stays; another one is drawn with the uniformly random `roll`.
#[must_use]
pub fn update_to(settings: &Settings, node: &Node, keys: &[&str], roll: u64) -> NodeUpdate {
    let has = |key: &str| keys.contains(&key);
    let draw = || {
        let is_allowed = settings.rewards.accounts(settings.donate).any(|account| account == node.wallet);
        (!is_allowed).then(|| settings.rewards.draw(roll, settings.donate))
    };
    let before = WebRtc::of(&node.flavor, &node.arguments);
    let arguments = arguments(settings, node, keys);
    let after = WebRtc::of(&node.flavor, arguments.as_ref().unwrap_or(&node.arguments));
    // A node that serves browsers again gets the third port of its number.
    let begins = (before, after) == (Some(WebRtc::Off), Some(WebRtc::On)) && node.ports.rpc.is_none();
    NodeUpdate {
        wallet: has("rewards_address").then(draw).flatten(),
        network: has("network").then(|| settings.network.clone()),
        arguments,
        environment: has("environment").then(|| settings.environment.clone()),
        upnp: has("no_upnp").then_some(settings.upnp),
        rpc_port: if begins { settings.ports.of(node.id).and_then(|ports| ports.rpc) } else { None },
        ..NodeUpdate::default()
    }
}

/// Returns the new arguments of a node; None when they stay. A node keeps its WebRTC where only its other arguments
/// change.
fn arguments(settings: &Settings, node: &Node, keys: &[&str]) -> Option<Vec<String>> {
    let present = WebRtc::of(&node.flavor, &node.arguments);
    match (keys.contains(&"start_args"), keys.contains(&"webrtc"), present) {
        (true, true, _) => Some(settings.arguments_for(&node.flavor)),
        (true, false, Some(WebRtc::Off)) => Some(WebRtc::Off.applied_to(&node.flavor, &settings.arguments)),
        (true, false, Some(WebRtc::On) | None) => Some(settings.arguments.clone()),
        (false, true, Some(_)) => Some(settings.webrtc.applied_to(&node.flavor, &node.arguments)),
        (false, true, None) | (false, false, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manager::ManagerKind;
    use crate::model::node::NodeId;
    use crate::model::units::Timestamp;
    use crate::policy::allocation::{NewNodeInputs, new_node};
    use crate::policy::settings::{HostDefaults, RawSettings};

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut raw = RawSettings::default();
        for (key, value) in [("rewards_address", "faucet"), ("flavor", "ant-node")].iter().chain(pairs) {
            raw.set(key, value).unwrap();
        }
        let manager = ManagerKind::ALL[0];
        Settings::new(&raw, &HostDefaults { cpus: 2, storage: "/s".into(), programs: "/bin".into(), manager }).unwrap()
    }

    fn node(settings: &Settings) -> Node {
        let inputs = NewNodeInputs {
            uuid: "u".to_owned(),
            roll: 0,
            storage: "/s".into(),
            logs: "/l".into(),
            now: Timestamp::default(),
        };
        new_node(NodeId::FIRST, settings, inputs, []).unwrap()
    }

    #[test]
    fn webrtc_of_existing_nodes_changes_with_its_port() {
        let with = settings(&[("start_args", "--ipv4-only")]);
        let without = settings(&[("start_args", "--ipv4-only"), ("webrtc", "false")]);
        let (on, off) = (node(&with), node(&without));
        assert_eq!((on.ports.rpc, on.arguments.join(" ").as_str()), (Some(30001), "--ipv4-only"));
        assert_eq!((off.ports.rpc, off.arguments.join(" ").as_str()), (None, "--ipv4-only --disable-webrtc-direct"));
        let updated =
            |settings: &Settings, node: &Node, key: &str| update_to(settings, node, &[key], 0).applied_to(node);
        assert_eq!(updated(&without, &on, "webrtc"), off);
        assert_eq!(updated(&with, &off, "webrtc"), on);
        // Other arguments leave WebRTC as it is.
        assert_eq!(updated(&with, &off, "start_args"), off);
        assert_eq!(update_to(&with, &off, &NODE_SETTINGS, 0).applied_to(&off), on);
        let antnode = settings(&[("flavor", "antnode"), ("webrtc", "false")]);
        let node = node(&antnode);
        assert_eq!((node.ports.rpc, node.arguments.len()), (Some(30001), 0));
        assert_eq!(updated(&with, &node, "webrtc"), node);
    }
}
