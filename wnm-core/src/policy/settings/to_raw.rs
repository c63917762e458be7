//! The effective settings, as a source that sets all of them.

use super::{Folder, Folders, HostName, Path, RawSettings, Settings, Thousands, Words};
use crate::policy::thresholds::{Delays, IoThresholds, Limits, Upgrades};
use crate::policy::valves::WindowEnd;

impl Settings {
    /// Returns all effective values, defaults included; None for settings without a value and a default.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one table: a line for each setting")]
    pub fn to_raw(&self) -> RawSettings {
        let policy = &self.policy;
        let Delays { start, restart, upgrade, remove } = policy.delays;
        let Limits { upgrades, starts, removals, operations } = policy.limits;
        let [port_start, metrics_port_start, rpc_port_start] =
            self.ports.thousands().map(|start| Some(Thousands(start)));
        let io = |io: Option<IoThresholds>| {
            let limits = io.map(|io| [io.read.less_than, io.read.remove, io.write.less_than, io.write.remove]);
            limits.map_or([None; 4], |limits| limits.map(|rate| Some(rate.0)))
        };
        let disk = io(policy.disk_io);
        let net = io(policy.net_io);
        let path = |path: &std::path::Path| Some(path.display().to_string());
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).ok();
        let share = |share: f64| crate::model::units::Percent::clamped(share * 100.0);
        let pairs = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        RawSettings {
            node_cap: Some(policy.node_cap),
            cpu_less_than: Some(policy.cpu.less_than),
            cpu_remove: Some(policy.cpu.remove),
            mem_less_than: Some(policy.memory.less_than),
            mem_remove: Some(policy.memory.remove),
            hd_less_than: Some(policy.disk.less_than),
            hd_remove: Some(policy.disk.remove),
            hdio_read_less_than: disk[0],
            hdio_read_remove: disk[1],
            hdio_write_less_than: disk[2],
            hdio_write_remove: disk[3],
            netio_read_less_than: net[0],
            netio_read_remove: net[1],
            netio_write_less_than: net[2],
            netio_write_remove: net[3],
            desired_load_average: policy.load.map(|load| load.less_than),
            max_load_average_allowed: policy.load.map(|load| load.remove),
            cpu_limit: Some(self.cpu_limit),
            cpu_weight: Some(self.cpu_weight),
            io_weight: Some(self.io_weight),
            delay_start: Some(start.as_secs()),
            delay_restart: Some(restart.as_secs()),
            delay_upgrade: Some(upgrade.as_secs()),
            delay_remove: Some(remove.as_secs()),
            survey_delay: millis(self.survey_delay),
            action_delay: millis(self.action_delay),
            max_concurrent_upgrades: Some(upgrades),
            max_concurrent_starts: Some(starts),
            max_concurrent_removals: Some(removals),
            max_concurrent_operations: Some(operations),
            enable_upgrade: Some(policy.upgrades == Upgrades::ByManager),
            rewards_address: Some(self.rewards.clone()),
            donate_address: Some(self.donate),
            node_storage: Some(Folders(self.storage.clone())),
            drained_storage: (!self.drained.is_empty()).then(|| Folders(self.drained.clone())),
            log_dir: self.logs.clone().map(Folder),
            port_start,
            metrics_port_start,
            rpc_port_start,
            process_manager: Some(self.manager),
            firewall: Some(self.firewall),
            flavor: Some(self.flavor.clone()),
            antnode_path: Some(Path(self.binary.clone())),
            upgrade_source: Some(self.upgrade_source),
            network: Some(Words(self.network.clone())),
            start_args: Some(Words(self.arguments.clone())),
            environment: Some(Words(pairs.collect())),
            no_upnp: Some(self.upnp == crate::model::node::Upnp::Off),
            webrtc: Some(self.webrtc == crate::model::webrtc::WebRtc::On),
            crisis_bytes: Some(self.crisis.0),
            move_nodes: Some(policy.move_nodes),
            move_rate: self.move_rate,
            preset: Some(policy.preset),
            steady_warning: share(policy.tuning.warning),
            steady_relief_target: share(policy.tuning.relief_target),
            steady_growth_target: share(policy.tuning.growth_target),
            steady_grace: Some(policy.tuning.grace.as_secs()),
            steady_cooldown: Some(policy.tuning.cooldown.as_secs()),
            steady_adds: Some(policy.tuning.adds),
            host: Some(HostName(self.host.clone())),
            listen: Some(self.listen.at),
            listen_token_file: self.listen.token_file.clone().map(super::Path),
            listen_cert: self.listen.tls.as_ref().map(|tls| super::Path(tls.certificate.clone())),
            listen_key: self.listen.tls.as_ref().map(|tls| super::Path(tls.key.clone())),
            window: Some(policy.valves.windows.clone()).filter(|windows| !windows.as_slice().is_empty()),
            drain: Some(policy.valves.window_end == WindowEnd::Drain),
            max_unavailable: policy.valves.max_unavailable,
            hold_file: self.hold_file.clone().map(super::Path),
            hold_url: self.hold_url.clone(),
            fleet_url: self.fleet_url.clone(),
            ca_file: self.ca_file.clone().map(super::Path),
            alerts: self.alerts.clone().map(super::Path),
            influx: self.influx.clone().map(super::Path),
            earnings: self.earnings.clone().map(super::Path),
            probe: Some(self.probe.on),
            probe_tasks: Some(Words(self.probe.sources.clone())),
            probe_client: self.probe.client.as_deref().and_then(path),
            probe_args: Some(Words(self.probe.arguments.clone())),
            probe_window: Some(self.probe.windows.clone()),
            probe_upload: Some(self.probe.upload),
            probe_key: self.probe.key_file.as_deref().and_then(path),
            probe_spend: Some(self.probe.spend),
            docker_image: Some(self.docker_image.clone()),
            antctl_path: self.antctl.as_deref().and_then(path),
            antctl_version: self.antctl_version.clone(),
            antctl_debug: Some(self.antctl_debug),
            highest_node_id_used: policy.highest_node_id_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::firewall::FirewallKind;
    use crate::model::manager::ManagerKind;
    use crate::model::wallet::FAUCET;
    use crate::policy::settings::HostDefaults;

    #[test]
    fn effective_values_yield_the_same_settings_on_another_host() {
        let host = HostDefaults {
            cpus: 4,
            storage: PathBuf::from("/nodes"),
            programs: PathBuf::from("/bin"),
            manager: "setsid+user".parse::<ManagerKind>().unwrap(),
        };
        let other_host = HostDefaults {
            cpus: 64,
            storage: PathBuf::from("/other"),
            programs: PathBuf::from("/other"),
            manager: "systemd+sudo".parse::<ManagerKind>().unwrap(),
        };
        let mut set =
            RawSettings { rewards_address: Some(FAUCET.to_string().parse().unwrap()), ..RawSettings::default() };
        for (key, text) in [
            ("environment", "A=1 'B=2 3'"),
            ("hdio_read_less_than", "1"),
            ("hdio_read_remove", "2"),
            ("hdio_write_less_than", "3"),
            ("hdio_write_remove", "4"),
            ("no_upnp", "false"),
            ("webrtc", "false"),
            ("upgrade_source", "binary"),
            ("cpu_limit", "false"),
            ("cpu_weight", "50"),
            ("io_weight", "idle"),
            ("port_start", "41"),
            ("move_nodes", "false"),
            ("move_rate", "5000000"),
            ("drained_storage", "/nodes"),
            ("highest_node_id_used", "7"),
            ("antctl_path", "/opt/antctl"),
            ("window", "daily 22:00-06:00, deny hourly :00-:05 UTC"),
            ("drain", "true"),
            ("max_unavailable", "10%"),
            ("listen", "0.0.0.0:9910"),
            ("listen_token_file", "/etc/wnm/listen.token"),
            ("listen_cert", "/etc/wnm/listen.pem"),
            ("listen_key", "/etc/wnm/listen.key"),
            ("hold_file", "/run/hold"),
            ("ca_file", "/etc/own-ca.pem"),
            ("alerts", "/etc/wnm/alerts.toml"),
            ("influx", "/etc/wnm/influx.toml"),
            ("earnings", "/etc/wnm/earnings.toml"),
            ("hold_url", "https://example.org/hold"),
            ("fleet_url", "rediss://redis.example.org:6379"),
            ("probe_client", "/opt/ant"),
            ("probe_key", "/opt/key"),
            ("probe_spend", "0.5"),
            ("firewall", FirewallKind::Ufw.to_string().as_str()),
        ] {
            set.set(key, text).unwrap();
        }
        let mut settings = Settings::new(&set, &host).unwrap();
        // The effective values do not tell which of them are defaults.
        settings.policy.defaults = crate::policy::thresholds::DefaultThresholds::default();
        let all = settings.to_raw();
        for key in RawSettings::KEYS {
            let may_be_unset = key.starts_with("netio_") || ["antctl_version", "log_dir"].contains(key);
            assert!(all.get(key).is_some() || may_be_unset, "{key}");
            assert!(set.get(key).is_none() || set.get(key) == all.get(key), "{key}");
        }
        assert_eq!(Settings::new(&all, &other_host).unwrap(), settings);
    }
}
