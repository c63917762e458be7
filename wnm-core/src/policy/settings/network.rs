//! The payment networks of the node programs.

use super::problem::{Problem, ProblemCause};
use crate::model::flavor::Flavor;

/// The networks of `antnode` 0.4, which are the commands of its command line.
const ANTNODE: &[&str] = &["evm-arbitrum-one", "evm-arbitrum-sepolia-test", "evm-custom"];

/// The networks of `ant-node` 0.23 in the words of `antnode`. A custom network is not among them: its flags belong to
/// `start_args`.
const ANT_NODE: &[&str] = &["evm-arbitrum-one", "evm-arbitrum-sepolia", "evm-arbitrum-sepolia-test"];

/// Returns the problem of a network that the node program does not know, with which every node ends at its start. A program
/// of the flavor `custom` may have any.
pub(super) fn problem(network: &[String], flavor: &Flavor) -> Option<Problem> {
    let known = match flavor {
        Flavor::Antnode => ANTNODE,
        Flavor::AntNode => ANT_NODE,
        Flavor::Custom(_) => return None,
    };
    let first = network.first().map(String::as_str).unwrap_or_default();
    let is_known = known.contains(&first);
    (!is_known).then(|| Problem::new("network", network.join(" "), ProblemCause::UnknownNetwork { known }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_the_node_program_are_known() {
        let found = |text: &str, flavor| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            problem(&words, &flavor).map(|problem| problem.to_string())
        };
        for text in ["evm-arbitrum-one", "evm-arbitrum-sepolia-test"] {
            assert_eq!(found(text, Flavor::Antnode), None, "{text}");
            assert_eq!(found(text, Flavor::AntNode), None, "{text}");
        }
        assert_eq!(found("evm-custom --rpc-url u", Flavor::Antnode), None);
        assert!(found("evm-custom --rpc-url u", Flavor::AntNode).is_some());
        let error = found("mainnet", Flavor::Antnode).unwrap_or_default();
        assert_eq!(
            error,
            "invalid value \"mainnet\" for network: no network of the node program: not evm-arbitrum-one, \
             evm-arbitrum-sepolia-test, evm-custom"
        );
        assert!(found("", Flavor::AntNode).is_some());
    }
}
