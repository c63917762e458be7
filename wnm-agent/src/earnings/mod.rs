//! The earnings of the colony: the tokens of its rewards addresses, and the transfers to them, as a JSON-RPC server of
//! the payment network knows them. Off without the setting `earnings`.
//!
//! A thread reads the server every few minutes; a cycle never waits for it. The results are kept for each day beside the
//! database, with the node-days and the storage of the same day, so that the earnings of a node are comparable.

mod record;
mod rpc;
mod service;
mod source;

pub use record::{Account, Day, Earned, KEPT_DAYS, Record, Span, date};
pub use rpc::{Chain, Transfers};
pub use service::{EarningsService, MOST_ADDRESSES, stored};
pub use source::{ANT, Source};
