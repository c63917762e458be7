//! The commands of `wnm-sim`, one a module.

pub(crate) mod calibrate;
pub(crate) mod chart;
pub(crate) mod compare;
pub(crate) mod decide;
pub mod explore;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod score;
pub(crate) mod session;
pub(crate) mod trial;
pub(crate) mod tune;
pub(crate) mod util;
