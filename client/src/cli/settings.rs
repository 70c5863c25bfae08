//! The settings that no single command owns, and the directories of the client.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use custody_client::Patience;
use custody_client::tls::{OwnCertificate, TlsSettings};

use super::environment::Environment;
use super::failure::Failure;
use super::output::{Color, Format};

/// How long to wait for an answer unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The server, such as `https://custody.example.com:4600`.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The authorities in PEM that the server's certificate leads to [default: those that this system trusts].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Your certificate chain in PEM, for a log that is not read by everybody.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// The key of that certificate in PEM.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Do not warn of a server without TLS on another machine.
    #[arg(long, global = true)]
    pub(crate) allow_plaintext: bool,
    /// The pinned log: `ORIGIN+sha256:<digest of entry 0>`, or a trust file.
    #[arg(long, global = true, value_name = "PIN|FILE")]
    pub(crate) trust: Option<String>,
    /// How results are printed.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// How long to wait for each answer of the server, retries included, such as `10s` or `2m` [default: 30s].
    #[arg(long, global = true, value_parser = duration, value_name = "DURATION")]
    pub(crate) timeout: Option<Duration>,
    /// Say nothing but results, warnings and errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to use colours; `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
    /// The configuration file [default: `custody/config.toml` in the user's configuration directory].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where trust files and the last checkpoints seen are kept [default: `custody` in the user's state
    /// directory].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// A global flag with the value it has, for `custody config`.
#[derive(Debug, Clone)]
pub(crate) struct Global {
    /// Its long name.
    pub(crate) name: String,
    /// Its value as text; none if it is not set.
    pub(crate) value: Option<String>,
    /// Whether it was typed on the command line.
    pub(crate) typed: bool,
}

impl Globals {
    /// Returns every global flag with its value.
    pub(crate) fn list(&self, matches: &clap::ArgMatches, environment: &Environment) -> Vec<Global> {
        let path = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
        let config = self.config.clone().or_else(|| default_config_file(environment));
        let state_dir = self.state_dir.clone().or_else(|| default_state_dir(environment));
        let values = [
            ("server", self.server.clone()),
            ("ca", path(self.ca.clone())),
            ("client-cert", path(self.client_cert.clone())),
            ("client-key", path(self.client_key.clone())),
            ("allow-plaintext", Some(self.allow_plaintext.to_string())),
            ("trust", self.trust.clone()),
            ("output", word(&self.output)),
            ("timeout", Some(format!("{}s", self.timeout.unwrap_or(TIMEOUT).as_secs_f64()))),
            ("quiet", Some(self.quiet.to_string())),
            ("color", word(&self.color)),
            ("config", path(config)),
            ("state-dir", path(state_dir)),
        ];
        let typed = |name: &str| {
            let id = name.replace('-', "_");
            matches.value_source(&id) == Some(clap::parser::ValueSource::CommandLine)
        };
        let global = |(name, value): (&str, Option<String>)| Global {
            name: name.to_owned(),
            value,
            typed: typed(name),
        };
        values.into_iter().map(global).collect()
    }
}

/// What the flags mean.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The server's URL, when there is one.
    pub(crate) server: Option<String>,
    /// What `--trust` said: a pin or the path of a trust file.
    pub(crate) trust: Option<String>,
    /// Whether the user knows that a server has no TLS.
    pub(crate) allow_plaintext: bool,
    ca: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    timeout: Option<Duration>,
    config_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
}

impl Settings {
    /// Works out the directories.
    pub(crate) fn new(globals: Globals, environment: &Environment) -> Self {
        Self {
            server: globals.server,
            trust: globals.trust,
            allow_plaintext: globals.allow_plaintext,
            ca: globals.ca,
            client_cert: globals.client_cert,
            client_key: globals.client_key,
            timeout: globals.timeout,
            config_file: globals.config.or_else(|| default_config_file(environment)),
            state_dir: globals.state_dir.or_else(|| default_state_dir(environment)),
        }
    }

    /// Returns how a server is checked, and who we are to it.
    pub(crate) fn tls(&self) -> Result<TlsSettings, Failure> {
        let without = |given, missing| {
            Failure::usage("missing_flag", format!("{given} is given without {missing}"))
                .hint(format!("give --{missing} too, or neither"))
        };
        let own = match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => Some(OwnCertificate { cert: cert.clone(), key: key.clone() }),
            (Some(_), None) => return Err(without("client-cert", "client-key")),
            (None, Some(_)) => return Err(without("client-key", "client-cert")),
            (None, None) => None,
        };
        Ok(TlsSettings { ca: self.ca.clone(), own })
    }

    /// Returns how long calls may take. A server that cannot be reached is tried again for as long as was said, else for
    /// the usual time, but no longer than `--timeout` says: who says how long to wait means the attempts together.
    pub(crate) fn patience(&self, retry_for: Option<Duration>, usual: Duration) -> Patience {
        let retry_for = retry_for.unwrap_or(self.timeout.map_or(usual, |timeout| timeout.min(usual)));
        Patience { timeout: self.timeout.unwrap_or(TIMEOUT), retry_for }
    }

    /// Returns how long the whole of an answer that takes many calls may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Returns the path of the configuration file, whether or not it exists.
    pub(crate) fn config_file(&self) -> Result<&Path, Failure> {
        self.config_file.as_deref().ok_or_else(|| homeless("--config FILE"))
    }

    /// Returns the directory of the configuration file: keys are kept below it.
    pub(crate) fn config_dir(&self) -> Result<&Path, Failure> {
        Ok(self.config_file()?.parent().unwrap_or(Path::new(".")))
    }

    /// Returns the directory for trust files and the last checkpoints seen.
    pub(crate) fn state_dir(&self) -> Result<&Path, Failure> {
        self.state_dir.as_deref().ok_or_else(|| homeless("--state-dir DIR"))
    }
}

/// Returns `custody/config.toml` in the user's configuration directory; none without a home.
pub(crate) fn default_config_file(environment: &Environment) -> Option<PathBuf> {
    Some(environment.directory("XDG_CONFIG_HOME", ".config")?.join("config.toml"))
}

fn default_state_dir(environment: &Environment) -> Option<PathBuf> {
    environment.directory("XDG_STATE_HOME", ".local/state")
}

/// Returns the word of a choice, as it is typed.
fn word<T: clap::ValueEnum>(choice: &T) -> Option<String> {
    choice.to_possible_value().map(|value| value.get_name().to_owned())
}

/// Parses a duration such as `500ms`, `30s`, `2m` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration =
        text.parse().map_err(|_| "expected a duration such as 500ms, 30s or 2m".to_owned())?;
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(_) => Err("a duration must be more than nothing".to_owned()),
    }
}

fn homeless(flag: &str) -> Failure {
    Failure::usage("no_home", "the environment names no home directory (HOME is unset)")
        .hint(format!("set HOME, or give {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(timeout: Option<u64>, retry_for: Option<u64>) -> (u64, u64) {
        let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let settings = Settings {
            server: None,
            trust: None,
            allow_plaintext: false,
            ca: None,
            client_cert: None,
            client_key: None,
            timeout: seconds(timeout),
            config_file: None,
            state_dir: None,
        };
        let patience = settings.patience(seconds(retry_for), Duration::from_mins(2));
        (patience.timeout.as_secs(), patience.retry_for.as_secs())
    }

    #[test]
    fn who_says_how_long_to_wait_waits_no_longer() {
        assert_eq!(patience(None, None), (30, 120));
        assert_eq!(patience(Some(5), None), (5, 5), "not the usual two minutes");
        assert_eq!(patience(Some(300), None), (300, 120));
        assert_eq!(patience(None, Some(10)), (30, 10));
        assert_eq!(patience(Some(5), Some(60)), (5, 60), "both were said");
    }
}
