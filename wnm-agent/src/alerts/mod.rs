//! Alerts of a daemon: conditions that last are told to receivers, once, and once more when they end.
//!
//! [`conditions`] derives the conditions from the live data after each cycle. [`Book`] remembers them and what each
//! receiver was told; it is pure, and time comes in. [`AlertService`] reads the file of receivers and sends, each receiver
//! on a thread of its own, so that one that hangs delays neither the cycle nor another receiver. The book is stored beside
//! the database: it is the queue, and its length is bounded by the conditions of a colony.

mod book;
mod command;
mod condition;
mod heartbeat;
mod message;
mod receivers;
mod service;

pub use book::{Alert, Book, Extent, Notification, Rhythm};
pub use command::CommandError;
pub use condition::{Condition, ConditionKind, Severity, conditions};
pub use heartbeat::{Beat, HEARTBEAT, Heartbeat};
pub use message::{Message, Post, message, test_notification};
pub use receivers::{Receiver, ReceiverKind, Receivers, Target};
pub use service::{AlertService, ReceiverState, SendError, Stored, host_name, send, send_heartbeat, stored};
