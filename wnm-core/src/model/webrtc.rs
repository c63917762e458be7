//! WebRTC of an `ant-node`: a second UDP port, over which browsers reach the node.

use crate::model::flavor::Flavor;

/// The flag without which an `ant-node` serves browsers.
const DISABLE: &str = "--disable-webrtc-direct";

/// Whether a node serves browsers over WebRTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebRtc {
    /// It does, with up to 128 MiB for 256 sessions.
    #[default]
    On,
    /// It does not, and binds no second port.
    Off,
}

impl WebRtc {
    /// Returns whether a node of a flavor with these arguments serves browsers; None for a program without WebRTC.
    #[must_use]
    pub fn of(flavor: &Flavor, arguments: &[String]) -> Option<Self> {
        let is_off = arguments.iter().any(|word| word == DISABLE);
        (*flavor == Flavor::AntNode).then_some(if is_off { Self::Off } else { Self::On })
    }

    /// Returns these arguments with the flag for this value. The arguments of a program without WebRTC do not change.
    #[must_use]
    pub fn applied_to(self, flavor: &Flavor, arguments: &[String]) -> Vec<String> {
        let mut arguments = arguments.to_vec();
        match (Self::of(flavor, &arguments), self) {
            (Some(Self::On), Self::Off) => arguments.push(DISABLE.to_owned()),
            (Some(Self::Off), Self::On) => arguments.retain(|word| word != DISABLE),
            (Some(Self::On), Self::On) | (Some(Self::Off), Self::Off) | (None, _) => {}
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_is_that_of_the_value() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (flavor, before, webrtc, after) in [
            (Flavor::AntNode, "--ipv4-only", WebRtc::Off, "--ipv4-only --disable-webrtc-direct"),
            (Flavor::AntNode, "--disable-webrtc-direct -v", WebRtc::Off, "--disable-webrtc-direct -v"),
            (Flavor::AntNode, "--disable-webrtc-direct -v", WebRtc::On, "-v"),
            (Flavor::AntNode, "-v", WebRtc::On, "-v"),
            (Flavor::Antnode, "-v", WebRtc::Off, "-v"),
        ] {
            assert_eq!(webrtc.applied_to(&flavor, &words(before)), words(after), "{before} {webrtc:?}");
        }
        assert_eq!(WebRtc::of(&Flavor::Antnode, &[]), None);
    }
}
