//! The built command on real processes of stand-in nodes, with real ports, signals and files.

mod bad_input;
mod daemon;
mod host;
mod life;
mod real;
mod words;
