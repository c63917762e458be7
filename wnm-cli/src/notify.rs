//! Notifications to the service manager: the protocol of `sd_notify(3)`, datagrams of `KEY=VALUE` lines.
//!
//! The variables stay in the environment: to remove them is unsafe beside other threads, and nodes get an environment of
//! their own.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wnm_agent::{ChannelTimer, Timer, Wake};

/// The connection to the service manager. Without one, such as in a terminal, nothing is sent.
#[derive(Debug)]
pub(crate) struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The time without a sign of life after which the service manager ends the daemon; None without a watchdog.
    watchdog: Option<Duration>,
    /// The watchdog time that was asked for last.
    asked: Cell<Option<Duration>>,
    /// The status that was sent last.
    status: RefCell<String>,
}

impl Notifier {
    /// Returns the connection that the environment names.
    pub(crate) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        Self::new(variable("NOTIFY_SOCKET"), variable("WATCHDOG_USEC"), variable("WATCHDOG_PID"))
    }

    fn new(socket: Option<OsString>, watchdog: Option<OsString>, pid: Option<OsString>) -> Self {
        let number = |text: Option<OsString>| text.and_then(|text| text.to_str()?.parse::<u64>().ok());
        let socket = socket.and_then(|name| Some((UnixDatagram::unbound().ok()?, address(name.as_bytes())?)));
        // A full queue of the service manager must not delay a cycle.
        if let Some((socket, _)) = &socket {
            _ = socket.set_nonblocking(true);
        }
        let is_ours = pid.is_none() || number(pid) == Some(std::process::id().into());
        let watchdog = number(watchdog).filter(|micros| is_ours && socket.is_some() && *micros > 0);
        Self {
            socket,
            watchdog: watchdog.map(Duration::from_micros),
            asked: Cell::new(None),
            status: RefCell::default(),
        }
    }

    fn send(&self, lines: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(lines.as_bytes(), address)
        {
            tracing::debug!(%error, "the service manager takes no notification");
        }
    }

    /// Tells that the daemon serves its socket, or that a reload is complete.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// Tells that the daemon reads its settings anew. [`ready`](Self::ready) ends it.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// Tells that the daemon ends.
    fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=completes its pending actions");
    }

    /// Shows a sentence in `systemctl status`, when it differs from the last one.
    pub(crate) fn status(&self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        if *self.status.borrow() != line {
            self.send(&format!("STATUS={line}"));
            line.clone_into(&mut self.status.borrow_mut());
        }
    }

    /// Gives a sign of life.
    fn alive(&self) {
        if self.watchdog.is_some() {
            self.send("WATCHDOG=1");
        }
    }

    /// Lengthens the time of the watchdog by the pauses that the settings put into one cycle.
    pub(crate) fn allow(&self, pauses: Duration) {
        let Some(watchdog) = self.watchdog else { return };
        let time = watchdog.saturating_add(pauses);
        if self.asked.replace(Some(time)) != Some(time) {
            self.send(&format!("WATCHDOG_USEC={}", time.as_micros()));
        }
    }
}

/// Returns the address of a socket: a path, or a name that begins with `@` in the abstract namespace of Linux.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name {
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
        #[cfg(target_os = "linux")]
        [b'@', rest @ ..] => <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(rest).ok(),
        _ => None,
    }
}

/// The timer of a daemon that gives signs of life while it waits. A hung cycle gives none.
#[derive(Debug)]
pub(crate) struct NotifyingTimer<'a> {
    inner: ChannelTimer,
    notifier: &'a Notifier,
}

impl<'a> NotifyingTimer<'a> {
    pub(crate) const fn new(inner: ChannelTimer, notifier: &'a Notifier) -> Self {
        Self { inner, notifier }
    }
}

impl Timer for NotifyingTimer<'_> {
    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    fn wait(&mut self, timeout: Duration) -> Wake {
        let end = self.inner.elapsed().saturating_add(timeout);
        loop {
            self.notifier.alive();
            let left = end.saturating_sub(self.inner.elapsed());
            let part = self.notifier.watchdog.map_or(left, |watchdog| left.min(watchdog / 2));
            match self.inner.wait(part) {
                Wake::Timeout if self.inner.elapsed() < end => {}
                Wake::End => {
                    self.notifier.stopping();
                    return Wake::End;
                }
                wake => return wake,
            }
        }
    }

    fn sleep(&mut self, duration: Duration) {
        self.notifier.alive();
        self.inner.sleep(duration);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    struct Manager {
        socket: UnixDatagram,
        _folder: tempfile::TempDir,
        name: OsString,
    }

    impl Manager {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, _folder: folder, name: path.into() }
        }

        fn notifier(&self, watchdog: Option<&str>, pid: Option<&str>) -> Notifier {
            Notifier::new(Some(self.name.clone()), watchdog.map(OsString::from), pid.map(OsString::from))
        }

        fn received(&self) -> Vec<String> {
            let mut datagram = [0; 4096];
            std::iter::from_fn(|| {
                let length = self.socket.recv(&mut datagram).ok()?;
                Some(String::from_utf8(datagram[..length].to_vec()).unwrap())
            })
            .collect()
        }
    }

    #[test]
    fn life_of_a_daemon_is_told_once() {
        let manager = Manager::new();
        let notifier = manager.notifier(Some("60000000"), None);
        notifier.ready();
        for text in ["3 of 3 nodes run", "3 of 3 nodes run", "2 of 3\nnodes run"] {
            notifier.status(text);
        }
        notifier.allow(Duration::ZERO);
        notifier.allow(Duration::from_secs(30));
        notifier.allow(Duration::from_secs(30));
        let told =
            ["READY=1", "STATUS=3 of 3 nodes run", "STATUS=2 of 3", "WATCHDOG_USEC=60000000", "WATCHDOG_USEC=90000000"];
        assert_eq!(manager.received(), told);
        notifier.reloading();
        let [reload] = &manager.received()[..] else { panic!() };
        let micros = reload.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn waits_give_signs_of_life_and_the_end_is_told() {
        let manager = Manager::new();
        let notifier = manager.notifier(Some("20000"), Some(&std::process::id().to_string()));
        let (sender, wakes) = channel();
        let mut timer = NotifyingTimer::new(ChannelTimer::new(wakes), &notifier);
        assert_eq!(timer.wait(Duration::from_millis(500)), Wake::Timeout);
        let signs = manager.received();
        assert!(signs.len() >= 2 && signs.iter().all(|sign| sign == "WATCHDOG=1"), "{signs:?}");
        sender.send(Wake::Now).unwrap();
        assert_eq!(timer.wait(Duration::from_secs(60)), Wake::Now);
        sender.send(Wake::End).unwrap();
        assert_eq!(timer.wait(Duration::from_secs(60)), Wake::End);
        assert!(manager.received().last().unwrap().starts_with("STOPPING=1\n"));
    }

    #[test]
    fn without_a_manager_nothing_is_sent() {
        for name in [None, Some("relative"), Some("vsock:2:3"), Some("/no/such/socket"), Some("")] {
            let notifier = Notifier::new(name.map(OsString::from), Some("1000".into()), None);
            notifier.ready();
            notifier.status("x");
        }
        let manager = Manager::new();
        // The watchdog of a parent process does not watch this one.
        for (watchdog, pid) in [(None, None), (Some("x"), None), (Some("0"), None), (Some("1000"), Some("1"))] {
            let notifier = manager.notifier(watchdog, pid);
            notifier.alive();
            notifier.allow(Duration::ZERO);
        }
        assert_eq!(manager.received(), Vec::<String>::new());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abstract_names_are_addresses() {
        use std::os::linux::net::SocketAddrExt as _;
        assert_eq!(address(b"@wnm").unwrap().as_abstract_name(), Some(&b"wnm"[..]));
    }
}
