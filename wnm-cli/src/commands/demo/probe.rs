//! `wnm demo --probe`: probes of a fake network. Processes, files, limits and results are real; a fake client stores files
//! in a folder instead of a network.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wnm_agent::probe::{ClientProgram, ClientThreads, Payment, RunClients as _, Spending};
use wnm_core::Bytes;
use wnm_core::probe::{
    Assignment, Atto, KnownFile, ProbeKind, ProbeRun, ProbeTask, RunId, SeededFile, SizeClass, Subject,
};
use wnm_platform::probe::fake_client;

use crate::error::{CliError, Exit, ProbeError};
use crate::output::Output;
use crate::render;
use crate::render::probe::RunView;
use crate::render::{BOLD, styled};

/// The time for one run; the longest one waits for SIGKILL.
const LONGEST: Duration = Duration::from_secs(20);
/// The size of the files.
const SIZE: Bytes = Bytes(1_000_000);

/// Runs a probe of each kind and outcome.
pub(super) fn play(folder: &Path, output: &Output) -> Result<Exit, CliError> {
    let client = folder.join("ant");
    fs::copy(std::env::current_exe()?, &client)?;
    let key_file = folder.join("key");
    let mut key = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key_file)?;
    key.write_all("ab".repeat(32).as_bytes())?;
    let now = wnm_platform::read_clock()?.wall;
    let spending = Arc::new(Mutex::new(Spending::new(folder, Atto(2000), Atto::default(), now)));
    let stage = Stage { folder, output, payment: Payment { key_file, spending } };
    let seeded = || Subject::Seeded(SeededFile { size: SizeClass::Tiny, seed: 7, bytes: SIZE, md5: None });
    stage.scene("A quote: the price of a file made from a seed, without a payment", ProbeKind::Quote, seeded(), "")?;
    let uploaded = stage.scene(
        "An upload: its price is reserved first, and stays below the limit of the day",
        ProbeKind::Upload,
        seeded(),
        "",
    )?;
    stage.scene("A second upload: the rest of the day does not pay its price", ProbeKind::Upload, seeded(), "")?;
    let address = uploaded.address.unwrap_or_default();
    // The address of the fake network begins with the MD5 digest of the file.
    let md5 = address.get(..32).map(str::to_owned);
    let known = || {
        Subject::Known(KnownFile {
            size: SizeClass::Tiny,
            name: "picture".to_owned(),
            address: address.clone(),
            md5: md5.clone(),
        })
    };
    stage.scene("A download: its content is compared with the known digest", ProbeKind::Download, known(), "")?;
    stage.scene("The network has other content", ProbeKind::Download, known(), "fail=garbage")?;
    stage.scene("The network has lost the file", ProbeKind::Download, known(), "fail=loss")?;
    stage.scene("The network is not reached", ProbeKind::Download, known(), "fail=network")?;
    stage.scene("A client that does not end is killed after its timeout", ProbeKind::Download, known(), "fail=hang")?;
    Ok(Exit::Done)
}

struct Stage<'a> {
    folder: &'a Path,
    output: &'a Output,
    payment: Payment,
}

impl Stage<'_> {
    /// Runs one probe with a client of this behaviour, and prints its result.
    fn scene(&self, title: &str, kind: ProbeKind, subject: Subject, behaviour: &str) -> Result<ProbeRun, CliError> {
        self.output.say(&styled(BOLD, format!("\n{title}")));
        let network = self.folder.join("network");
        let client = self.folder.join("ant");
        fs::write(client.with_extension(fake_client::PLAY), format!("network={} {behaviour}", network.display()))?;
        let program = ClientProgram::find(Some(&client), Vec::new()).map_err(ProbeError::Program)?;
        let mut clients = ClientThreads::new(program, Some(self.payment.clone()), &self.folder.join("runs"))?;
        let task = ProbeTask { timeout: Duration::from_secs(1), ..ProbeTask::new("demo", kind, SizeClass::Tiny) };
        clients.start(Assignment { run: RunId(1), task, subject, attempt: 1 });
        let finished = clients.wait(LONGEST).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::TimedOut))?;
        let views = [RunView::from(&finished.result)];
        self.output.result(&views, |views| render::probe::runs(views, self.output.width()))?;
        Ok(finished.result)
    }
}
