//! A running `custodyd`, on a free loopback port and in a folder of its own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use custody_evidence::key::SigningKey;
use tempfile::TempDir;

use crate::binaries::Binaries;
use crate::evidence::{envelope, payload};
use crate::memory;
use crate::wire::Caller;

/// How long a server may take to answer after its start; far more than it needs, for busy machines.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long it may take to stop.
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// The origin of the logs that tests make.
pub const ORIGIN: &str = "example.com/tests";

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The most memory that it had in use, in bytes, but for its last 5 ms; none where the system does not say.
    pub peak: Option<u64>,
}

/// A log on disk with the keys that may write to it; no server runs yet.
#[derive(Debug)]
pub struct Ledger {
    home: PathBuf,
    /// Removed with the value; none for a folder that is kept.
    _temporary: Option<TempDir>,
    /// The one administrator.
    pub admin: SigningKey,
    /// Keys that may record anything.
    pub writers: Vec<SigningKey>,
}

impl Ledger {
    /// Makes a log with `custodyd init`: one administrator, and writers whose keys come from the seeds 1, 2, ...
    ///
    /// # Panics
    ///
    /// When `custodyd init` refuses.
    #[must_use]
    pub fn new(writers: u8) -> Self {
        Self::new_in(&std::env::temp_dir(), writers)
    }

    /// Makes a log in a temporary folder below this one, on the disk that is to be tried.
    ///
    /// # Panics
    ///
    /// When `custodyd init` refuses.
    #[must_use]
    pub fn new_in(folder: &Path, writers: u8) -> Self {
        let temporary = tempfile::tempdir_in(folder).expect("a temporary folder can be made");
        let ledger = Self::at(temporary.path(), writers);
        Self { _temporary: Some(temporary), ..ledger }
    }

    /// Returns the log in this folder, which is kept; makes folder and log if they are not there.
    ///
    /// # Panics
    ///
    /// When `custodyd init` refuses.
    #[must_use]
    pub fn at(home: &Path, writers: u8) -> Self {
        fs::create_dir_all(home).expect("a folder can be made");
        let admin = SigningKey::from_seed(&[0xad; 32]);
        let writers: Vec<SigningKey> = (1..=writers).map(|seed| SigningKey::from_seed(&[seed; 32])).collect();
        let ledger = Self { home: home.to_owned(), _temporary: None, admin, writers };
        if ledger.data().exists() {
            return ledger;
        }
        let mut init = vec!["init".into(), "--data".into(), ledger.data(), "--origin".into(), ORIGIN.into()];
        init.extend(["--admin".into(), ledger.key_file("admin.key", &ledger.admin)]);
        for (number, writer) in ledger.writers.iter().enumerate() {
            init.extend(["--writer".into(), ledger.key_file(&format!("writer-{number}.key"), writer)]);
        }
        let ended = custodyd(&init);
        assert_eq!(ended.code, Some(0), "custodyd init: {}{}", ended.stdout, ended.stderr);
        ledger
    }

    /// Makes a log with one writer, whose key may record statements of this type only.
    ///
    /// # Panics
    ///
    /// When the second trust document, which says so, is refused.
    #[must_use]
    pub fn with_narrow_writer(predicate_type: &str) -> Self {
        let ledger = Self::new(1);
        let server = ledger.serve();
        let caller = Caller::of(&server);
        let mut statement = payload(&caller.envelope(0));
        statement["predicate"]["version"] = 2.into();
        statement["predicate"]["writers"][0]["predicates"] = [predicate_type].as_slice().into();
        let recorded = caller.record(&envelope(&statement, &[&ledger.admin]));
        assert_eq!(recorded.expect("an administrator may change the rules").index, 1);
        server.stop();
        ledger
    }

    /// Returns the folder that holds the data directory and the keys.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Returns the data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// Returns the file of a writer's private key.
    #[must_use]
    pub fn writer_key_file(&self, number: usize) -> PathBuf {
        self.home().join(format!("writer-{number}.key"))
    }

    /// Serves the log.
    ///
    /// # Panics
    ///
    /// When the server does not answer in time.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::start(&self.data())
    }

    fn key_file(&self, name: &str, key: &SigningKey) -> PathBuf {
        let path = self.home().join(name);
        let mut file =
            File::options().write(true).create_new(true).mode(0o600).open(&path).expect("a new key file");
        file.write_all(key.to_pem().as_bytes()).expect("a key file can be written");
        path
    }
}

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    scheme: &'static str,
    port: u16,
    log: PathBuf,
    /// How long the log was when this server started; one before may have written it.
    said_before: usize,
}

impl Server {
    /// Serves an existing log.
    ///
    /// # Panics
    ///
    /// When the server does not answer in time.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Serves a log with more flags for `custodyd run`.
    ///
    /// # Panics
    ///
    /// When the server does not answer in time.
    #[must_use]
    pub fn start_with(data: &Path, flags: &[&str]) -> Self {
        Self::start_under(&[], data, flags)
    }

    /// Serves a log below another program, such as `strace -o FILE`, whose arguments end where the server's begin.
    ///
    /// # Panics
    ///
    /// When the server does not answer in time.
    #[must_use]
    pub fn start_under(program: &[&OsStr], data: &Path, flags: &[&str]) -> Self {
        // Between the choice of a free port and its use someone else may take it: then choose again.
        for _ in 0..4 {
            let port = free_port();
            let mut server = Self::spawn(program, data, flags, port);
            if server.answers() {
                return server;
            }
            let said = server.said();
            assert!(said.contains("in use"), "custodyd run ended or did not answer:\n{said}");
        }
        panic!("no free port was left for custodyd");
    }

    /// Serves an existing log on this port, where a client expects it.
    ///
    /// # Panics
    ///
    /// When the server does not answer in time.
    #[must_use]
    pub fn start_at(data: &Path, port: u16) -> Self {
        let mut server = Self::spawn(&[], data, &[], port);
        assert!(server.answers(), "custodyd run ended:\n{}", server.said());
        server
    }

    /// Serves an existing log, or returns what the server said when it refused.
    ///
    /// # Panics
    ///
    /// When it neither answers nor ends in time.
    pub fn try_start(data: &Path) -> Result<Self, String> {
        let mut server = Self::spawn(&[], data, &[], free_port());
        while !server.answers() {
            let said = server.said();
            if !said.get(server.said_before..).is_some_and(|said| said.contains("in use")) {
                return Err(said);
            }
            server = Self::spawn(&[], data, &[], free_port());
        }
        Ok(server)
    }

    /// Begins to start a server, and does not wait until it answers.
    #[must_use]
    pub fn begin(data: &Path) -> Self {
        Self::spawn(&[], data, &[], free_port())
    }

    fn spawn(program: &[&OsStr], data: &Path, flags: &[&str], port: u16) -> Self {
        let log = data.with_extension("log");
        let said_before = fs::read_to_string(&log).unwrap_or_default().len();
        let out = File::options().append(true).create(true).open(&log).expect("the log can be written");
        let custodyd = Binaries::built().custodyd();
        let mut words = program.iter().copied().chain([custodyd.as_os_str()]);
        let process = Command::new(words.next().expect("custodyd is one"))
            .args(words)
            .arg("run")
            .arg("--data")
            .arg(data)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(flags)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file can be shared"))
            .stderr(out)
            .spawn()
            .expect("custodyd can be started");
        let scheme = if flags.contains(&"--tls-cert") { "https" } else { "http" };
        Self { process, scheme, port, log, said_before }
    }

    /// Waits until the server says that it serves, and the port is open; false when it ended before.
    fn answers(&mut self) -> bool {
        let limit = Instant::now() + START_LIMIT;
        while Instant::now() < limit {
            if self.process.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            let said = self.said();
            let serves = said.get(self.said_before..).is_some_and(|said| said.contains("custodyd serves"));
            if serves && TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("custodyd did not answer within {START_LIMIT:?}:\n{}", self.said());
    }

    /// Returns whether the server has ended.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits until a server that was begun serves, and stops it.
    ///
    /// # Panics
    ///
    /// When it does not serve, or does not stop.
    pub fn stop_when_serving(mut self) {
        assert!(self.answers(), "custodyd run ended:\n{}", self.said());
        self.stop();
    }

    /// Returns the address for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns what the server printed so far, since its log was made.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the server has printed this: it may serve before that is written.
    ///
    /// # Panics
    ///
    /// When it is not there after half a minute.
    pub fn comes_to_say(&self, text: &str) {
        let begun = Instant::now();
        while !self.said().contains(text) {
            assert!(begun.elapsed() < Duration::from_secs(30), "{text:?} is not in: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the number of the server's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns how much memory the server has in use, in bytes.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        memory::resident(self.process.id()).expect("the system says what a process uses")
    }

    /// Asks the server to stop, as an operator does, without waiting.
    pub fn ask_to_stop(&self) {
        signal(self.process.id(), "TERM");
    }

    /// Asks the server to stop, and waits for it.
    ///
    /// # Panics
    ///
    /// When it does not stop in time, or does not end with code 0.
    pub fn stop(mut self) {
        self.ask_to_stop();
        let status = self.wait();
        assert_eq!(status.code(), Some(0), "custodyd did not stop cleanly:\n{}", self.said());
    }

    /// Waits until the server has ended.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn wait(&mut self) -> ExitStatus {
        let limit = Instant::now() + STOP_LIMIT;
        while Instant::now() < limit {
            if let Some(status) = self.process.try_wait().expect("a child can be asked") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("custodyd did not stop within {STOP_LIMIT:?}:\n{}", self.said());
    }

    /// Ends the server at once, as a crash does (`kill -9`), and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    /// Ends the server at once, as a crash does, while others still use it.
    pub fn kill_now(&self) {
        signal(self.process.id(), "KILL");
    }

    fn end(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("custodyd said:\n{}", self.said());
        }
    }
}

/// Runs `custodyd` with arguments until it ends.
///
/// # Panics
///
/// When it cannot be started, or does not end in time.
pub fn custodyd<A: AsRef<OsStr>>(arguments: &[A]) -> Ended {
    let mut command = Command::new(Binaries::built().custodyd());
    command.args(arguments).env_clear();
    run(command)
}

/// Runs a program until it ends, and returns what it printed.
///
/// # Panics
///
/// When it cannot be started, or does not end within two minutes.
#[must_use]
pub fn run(mut command: Command) -> Ended {
    let out = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let err = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let share = |file: &tempfile::NamedTempFile| file.reopen().expect("a file can be opened again");
    command.stdin(Stdio::null()).stdout(share(&out)).stderr(share(&err));
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let limit = Instant::now() + Duration::from_mins(2);
    let mut peak = None;
    let status = loop {
        // The most so far, so what is read last is the most of all but the last 5 ms.
        peak = memory::peak(process.id()).or(peak);
        if let Some(status) = process.try_wait().expect("a child can be asked") {
            break status;
        }
        if Instant::now() > limit {
            process.kill().ok();
            panic!("{command:?} did not end within two minutes");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |file: &tempfile::NamedTempFile| {
        String::from_utf8_lossy(&fs::read(file.path()).expect("what was printed can be read")).into_owned()
    };
    Ended { code: status.code(), stdout: read(&out), stderr: read(&err), peak }
}

/// Returns a port that nobody listens on at the moment, and that no other test of this process was given.
///
/// The ports are below those that the system hands out by itself (32768 to 60999 on Linux), so neither a connection
/// nor someone else's listener takes one while a server is stopped and started again.
///
/// # Panics
///
/// When none is left.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const PORTS: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
    for _ in 0..PORTS {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free on loopback");
}

/// Copies a folder with all that is in it.
///
/// # Panics
///
/// When something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name} {process} failed");
}
