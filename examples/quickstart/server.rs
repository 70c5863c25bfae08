//! The server of the tour: `custodyd run --dev` on a free port, ended when the tour ends.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::stage::{self, Stage, TourError};

/// How often the log is looked at while the server starts, 50 ms apart: 30 seconds.
const LOOKS_MAX: u32 = 600;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    init_line: String,
}

impl Server {
    /// Starts the server and waits until it has printed the `custody init` line that a user would paste.
    pub(crate) fn start(stage: &Stage) -> Result<Self, TourError> {
        let typed =
            format!("custodyd run --dev --data {} --listen 127.0.0.1:{}", stage.typed("data"), free_port());
        stage::show(&format!("{typed} &"));
        let log = stage.file("custodyd.log");
        let failed = |source| TourError::File { path: log.clone(), source };
        let out = File::create(&log).map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let started = stage.command(&typed).stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let process = started.map_err(|source| TourError::Start { program: "custodyd".into(), source })?;
        let mut server = Self { process, init_line: String::new() };
        server.init_line = server.wait_for_init_line(&log)?;
        Ok(server)
    }

    /// Returns the line to paste.
    pub(crate) fn init_line(&self) -> &str {
        &self.init_line
    }

    /// Stops the server as an operator does, and waits for it.
    pub(crate) fn stop(mut self, stage: &Stage) -> Result<(), TourError> {
        stage.ask(&format!("kill -TERM {}", self.process.id()))?;
        let status =
            self.process.wait().map_err(|source| TourError::Start { program: "custodyd".into(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(TourError::Ended { command: "custodyd run".into(), expected: 0, found: status.to_string() })
    }

    fn wait_for_init_line(&mut self, log: &Path) -> Result<String, TourError> {
        for _ in 0..LOOKS_MAX {
            let said = fs::read_to_string(log).unwrap_or_default();
            // Only whole lines: the server may be writing.
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if let Some(line) = whole.lines().find_map(|line| Some(&line[line.find("custody init ")?..])) {
                return Ok(line.trim_end().to_owned());
            }
            if matches!(self.process.try_wait(), Ok(Some(_)) | Err(_)) {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        anstream::eprintln!("{}", fs::read_to_string(log).unwrap_or_default());
        Err(TourError::Silent { log: PathBuf::from(log) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already when the tour came to its end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Returns a port that nobody listens on; the server's own default when the system does not say.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0));
    listener.and_then(|listener| listener.local_addr()).map_or(4600, |address| address.port())
}
