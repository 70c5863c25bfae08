//! How a token is got: read, asked for over the network, or by a program of the CI system.

use std::io::Read as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::error::NoToken;
use super::secret::{IdToken, Secret, TOKEN_BYTES_MAX};
use super::source::Source;

/// How long a program may take: it makes one call to its CI system.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much of what a program prints is kept: a token and its line end, and so much more that a longer one is told.
const BYTES_KEPT: u64 = 32 << 10;

impl Source {
    /// Gets a token. A source that [`Source::asks`] gets one for this audience, the others give what they hold.
    pub async fn token(&self, audience: &str) -> Result<IdToken, NoToken> {
        match self {
            Self::File(path) => {
                let failed = |why: String| NoToken::File { path: path.clone(), why };
                let text = read(path).map_err(|error| failed(error.to_string()))?;
                parsed(&text, self)
            }
            Self::Variable(_, text) => parsed(text, self),
            Self::GitHub { url, bearer } => {
                let text = super::github::request(url, bearer, audience).await?;
                parsed(&text, self)
            }
            Self::Buildkite => {
                let text = run("buildkite-agent", &["oidc", "request-token", "--audience", audience]).await?;
                parsed(&text, self)
            }
            Self::CircleCi(held) => {
                let claims = serde_json::json!({"aud": audience}).to_string();
                match run("circleci", &["run", "oidc", "get", "--claims", &claims]).await {
                    Ok(text) => parsed(&text, self),
                    Err(NoToken::NoProgram { program }) => match held {
                        Some((name, text)) => parsed(text, &Self::Variable(name, text.clone())),
                        None => Err(NoToken::NoProgram { program }),
                    },
                    Err(error) => Err(error),
                }
            }
        }
    }
}

fn parsed(text: &Secret, from: &Source) -> Result<IdToken, NoToken> {
    IdToken::parse(text.reveal()).map_err(|source| NoToken::Token { from: from.to_string(), source })
}

/// A file that is longer than any token is read up to one byte more, and refused for its length.
fn read(path: &std::path::Path) -> std::io::Result<Secret> {
    let most = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    Ok(Secret::new(text.as_str()))
}

/// Runs a program and returns what it printed. Its arguments hold no secret: everybody on the machine can read them.
async fn run(program: &'static str, arguments: &[&str]) -> Result<Secret, NoToken> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let ended = tokio::task::spawn_blocking(move || run_to_end(program, &arguments)).await;
    ended.unwrap_or_else(|error| Err(NoToken::Program { program, why: error.to_string() }))
}

fn run_to_end(program: &'static str, arguments: &[String]) -> Result<Secret, NoToken> {
    let failed = |why: String| NoToken::Program { program, why };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NoToken::NoProgram { program },
        _ => failed(error.to_string()),
    })?;
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let ended = wait(&mut child).map_err(|error| failed(error.to_string()))?;
    let read = |reader: JoinHandle<Zeroizing<Vec<u8>>>| reader.join().unwrap_or_default();
    let Some(status) = ended else {
        return Err(failed(format!("it did not end within {} s", PATIENCE.as_secs())));
    };
    let (printed, complained) = (read(stdout), read(stderr));
    if !status.success() {
        return Err(failed(format!("{status}{}", last_line(&complained))));
    }
    match std::str::from_utf8(&printed) {
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(failed("it printed what is no text".to_owned())),
    }
}

/// Reads a pipe to its end, so that the program is never stopped by a full one, and keeps as much as a token may have.
fn reader(pipe: Option<impl std::io::Read + Send + 'static>) -> JoinHandle<Zeroizing<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(mut pipe) = pipe {
            // What cannot be read is missing in the token, which is then none.
            drop(pipe.by_ref().take(BYTES_KEPT).read_to_end(&mut bytes));
            drop(std::io::copy(&mut pipe, &mut std::io::sink()));
        }
        bytes
    })
}

/// Waits for the program; none if it took too long and was killed.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Returns the last line of what a program complained about, cut to 200 characters. A line that could hold a token is left out.
fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let line: String = line.chars().take(200).collect();
    if line.is_empty() || line.contains("eyJ") { String::new() } else { format!(": {line}") }
}
