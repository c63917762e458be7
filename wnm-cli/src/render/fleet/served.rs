//! The address of the server of a fleet.

use std::net::SocketAddr;

use serde::Serialize;
use wnm_agent::fleet::name::Name;

/// A server of a fleet.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Served {
    /// The name of the fleet.
    fleet: String,
    /// The address of the page.
    url: String,
    /// The address of the metrics.
    metrics_url: String,
}

impl Served {
    pub(crate) fn new(fleet: &Name, scheme: &str, address: SocketAddr) -> Self {
        let (url, metrics_url) = (format!("{scheme}://{address}/"), format!("{scheme}://{address}/metrics"));
        Self { fleet: fleet.to_string(), url, metrics_url }
    }
}

/// Returns the page of a server of a fleet.
pub(crate) fn served(served: &Served) -> String {
    let Served { fleet, url, metrics_url } = served;
    format!("fleet    {fleet}\npage     {url}\nmetrics  {metrics_url}\nCtrl-C ends the server.\n")
}
