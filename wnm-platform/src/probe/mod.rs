//! Probes on this host: the content of their files, the client programs, and a fake client for demos and tests.

mod client_run;
mod content;
pub mod fake_client;

pub use client_run::{
    ClientCall, ClientEnd, ClientRunError, FinishedClient, Secret, end_leftovers, recognise, run_client,
    yield_to_others,
};
pub use content::{GrowingDigest, Made, digest, make_seeded};
