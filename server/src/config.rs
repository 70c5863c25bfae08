//! The settings of a running server: a flag, else `CUSTODYD_<FLAG>`, else the config file, else the default.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::keys::KeyFiles;
use crate::transport::{BYTES_DEFAULT, Budget, CALLS_DEFAULT, STALL_DEFAULT, TlsFiles};

/// Where a server listens when nothing else is said.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:4600";

/// Where `run --dev` keeps its log when nothing else is said.
pub const DEV_DIR_DEFAULT: &str = "custody-dev";

/// How much of the disk stays free, in bytes: 64 MiB.
pub const RESERVE_DEFAULT: u64 = 64 << 20;

/// Below how many free bytes the server warns and refuses uploads: 1 GiB. Eight of the largest uploads are 512 MiB; the index
/// of the 65,536 entries that may wait for it is 23 MiB at 360 bytes an entry, and twice that while runs are merged.
pub const WATERMARK_DEFAULT: u64 = 1 << 30;

/// The form of the server's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Lines for people.
    Text,
}

/// The flags of `custodyd run`, each of which may also come from the environment or a file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Layer {
    /// Directory that holds the log
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:4600]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// File with the log key [default: DIR.log-key, beside the data directory]
    #[arg(long, value_name = "FILE")]
    pub log_key: Option<PathBuf>,
    /// File with the freshness key [default: DIR.freshness-key, beside the data directory]
    #[arg(long, value_name = "FILE")]
    pub freshness_key: Option<PathBuf>,
    /// Free disk space, in bytes, below which recording is refused [default: 67108864]
    #[arg(long, value_name = "BYTES")]
    pub disk_reserve: Option<u64>,
    /// Free disk space, in bytes, below which the server warns and refuses uploads above 1 MiB [default: 1073741824]
    #[arg(long, value_name = "BYTES")]
    pub disk_watermark: Option<u64>,
    /// Bytes a second that are read again in the background, to find rot; 0 for none [default: 1048576]
    #[arg(long, value_name = "BYTES")]
    pub scrub_rate: Option<u64>,
    /// Seconds that a caller may stand still before it is cut off [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub stall_timeout: Option<NonZero<u16>>,
    /// Form of the log on stderr
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        help = "Form of the log on stderr [default: text]; RUST_LOG=warn, or info,custody_server=debug, says what is in it [default: info]"
    )]
    pub log_format: Option<LogFormat>,
    /// File with the server's certificate chain in PEM, its own first; it is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// File with the key of that certificate in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// File with the authorities in PEM whose client certificates say who a caller is
    #[arg(long, value_name = "FILE")]
    pub client_ca: Option<PathBuf>,
    /// File with the identities of client certificates that may read, one a line [default: everybody may]
    #[arg(long, value_name = "FILE")]
    pub readers: Option<PathBuf>,
    /// Serve without TLS at an address that others reach, where a proxy or the network protects what is sent
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    pub allow_plaintext: Option<bool>,
    /// Calls that one caller may make in a minute; 0 for any number [default: 600000]
    #[arg(long, value_name = "NUMBER")]
    pub calls_per_minute: Option<u64>,
    /// Bytes that one caller may send and take in a minute; 0 for any number [default: 17179869184]
    #[arg(long, value_name = "BYTES")]
    pub bytes_per_minute: Option<u64>,
}

/// The settings that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The data directory.
    pub data: PathBuf,
    /// The address.
    pub listen: SocketAddr,
    /// The keys.
    pub keys: KeyFiles,
    /// Free bytes below which recording is refused.
    pub disk_reserve: u64,
    /// Free bytes below which uploads are refused.
    pub disk_watermark: u64,
    /// Bytes a second that are read again in the background; 0 for none.
    pub scrub_rate: u64,
    /// How long a caller may stand still.
    pub stall_timeout: Duration,
    /// The form of the log.
    pub log_format: LogFormat,
    /// Where TLS comes from; none without TLS.
    pub tls: Option<TlsFiles>,
    /// What one caller may ask in a minute.
    pub budget: Budget,
}

/// Why settings do not hold together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The config file could not be read.
    #[error("cannot read the config file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The config file is not what it should be.
    #[error("the config file {}: {}", path.display(), source.to_string().trim_end())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// An environment variable does not parse.
    #[error("{name}: expected {expected}, found {found:?}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// No data directory.
    #[error("no data directory is named")]
    NoData,
    /// One setting makes no sense without another.
    #[error("{given} is given without {missing}")]
    Without {
        /// The setting that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// Others can reach the address, and read what is sent to it.
    #[error(
        "{listen} can be reached from other machines, and there is no TLS: what is sent could be read and changed"
    )]
    Plaintext {
        /// The address to listen on.
        listen: SocketAddr,
    },
}

/// The environment variables of a process, those with an empty value left out.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        Self(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }
}

impl Config {
    /// Resolves every setting. `dev` gives the data directory a default.
    pub fn resolve(
        flags: Layer,
        environment: &Environment,
        file: Option<&Path>,
        dev: bool,
    ) -> Result<Self, ConfigError> {
        let file = file.map(Path::to_owned).or_else(|| environment.path("CUSTODYD_CONFIG"));
        let file = file.as_deref().map(Layer::read).transpose()?.unwrap_or_default();
        let set = flags.or(Layer::from_environment(environment)?).or(file);
        let data = match set.data {
            Some(data) => data,
            None if dev => DEV_DIR_DEFAULT.into(),
            None => return Err(ConfigError::NoData),
        };
        let beside = KeyFiles::beside(&data);
        let listen = set.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 4600)));
        let tls = tls_files(set.tls_cert, set.tls_key, set.client_ca, set.readers)?;
        let private = listen.ip().to_canonical().is_loopback() || set.allow_plaintext == Some(true);
        if tls.is_none() && !private {
            return Err(ConfigError::Plaintext { listen });
        }
        Ok(Self {
            listen,
            tls,
            budget: Budget {
                calls: NonZero::new(set.calls_per_minute.unwrap_or(CALLS_DEFAULT)),
                bytes: NonZero::new(set.bytes_per_minute.unwrap_or(BYTES_DEFAULT)),
            },
            keys: KeyFiles {
                log: set.log_key.unwrap_or(beside.log),
                freshness: set.freshness_key.unwrap_or(beside.freshness),
            },
            disk_reserve: set.disk_reserve.unwrap_or(RESERVE_DEFAULT),
            disk_watermark: set.disk_watermark.unwrap_or(WATERMARK_DEFAULT),
            scrub_rate: set.scrub_rate.unwrap_or(crate::scrub::RATE_DEFAULT),
            stall_timeout: set
                .stall_timeout
                .map_or(STALL_DEFAULT, |seconds| Duration::from_secs(seconds.get().into())),
            log_format: set.log_format.unwrap_or(LogFormat::Text),
            data,
        })
    }
}

/// Puts the files of TLS together.
fn tls_files(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    readers: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    let without = |given, missing| Err(ConfigError::Without { given, missing });
    match (cert, key) {
        (Some(_), None) => without("tls-cert", "tls-key"),
        (None, Some(_)) => without("tls-key", "tls-cert"),
        (None, None) if client_ca.is_some() => without("client-ca", "tls-cert"),
        _ if readers.is_some() && client_ca.is_none() => without("readers", "client-ca"),
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key, client_ca, readers })),
    }
}

impl Layer {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigError::Content { path: path.to_owned(), source: Box::new(source) })
    }

    fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let log_format = environment
            .parsed("CUSTODYD_LOG_FORMAT", "json or text", |text| LogFormat::from_str(text, false).ok())?;
        Ok(Self {
            data: environment.path("CUSTODYD_DATA"),
            listen: environment
                .parsed("CUSTODYD_LISTEN", "an address like 127.0.0.1:4600", |text| text.parse().ok())?,
            log_key: environment.path("CUSTODYD_LOG_KEY"),
            freshness_key: environment.path("CUSTODYD_FRESHNESS_KEY"),
            disk_reserve: environment
                .parsed("CUSTODYD_DISK_RESERVE", "a number of bytes", |text| text.parse().ok())?,
            disk_watermark: environment
                .parsed("CUSTODYD_DISK_WATERMARK", "a number of bytes", |text| text.parse().ok())?,
            scrub_rate: environment
                .parsed("CUSTODYD_SCRUB_RATE", "a number of bytes", |text| text.parse().ok())?,
            stall_timeout: environment
                .parsed("CUSTODYD_STALL_TIMEOUT", "1 to 65535 seconds", |text| text.parse().ok())?,
            log_format,
            tls_cert: environment.path("CUSTODYD_TLS_CERT"),
            tls_key: environment.path("CUSTODYD_TLS_KEY"),
            client_ca: environment.path("CUSTODYD_CLIENT_CA"),
            readers: environment.path("CUSTODYD_READERS"),
            allow_plaintext: environment
                .parsed("CUSTODYD_ALLOW_PLAINTEXT", "true or false", |text| text.parse().ok())?,
            calls_per_minute: environment.parsed(
                "CUSTODYD_CALLS_PER_MINUTE",
                "a number of calls",
                |text| text.parse().ok(),
            )?,
            bytes_per_minute: environment.parsed(
                "CUSTODYD_BYTES_PER_MINUTE",
                "a number of bytes",
                |text| text.parse().ok(),
            )?,
        })
    }

    fn or(self, below: Self) -> Self {
        Self {
            data: self.data.or(below.data),
            listen: self.listen.or(below.listen),
            log_key: self.log_key.or(below.log_key),
            freshness_key: self.freshness_key.or(below.freshness_key),
            disk_reserve: self.disk_reserve.or(below.disk_reserve),
            disk_watermark: self.disk_watermark.or(below.disk_watermark),
            scrub_rate: self.scrub_rate.or(below.scrub_rate),
            stall_timeout: self.stall_timeout.or(below.stall_timeout),
            log_format: self.log_format.or(below.log_format),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            client_ca: self.client_ca.or(below.client_ca),
            readers: self.readers.or(below.readers),
            allow_plaintext: self.allow_plaintext.or(below.allow_plaintext),
            calls_per_minute: self.calls_per_minute.or(below.calls_per_minute),
            bytes_per_minute: self.bytes_per_minute.or(below.bytes_per_minute),
        }
    }
}

impl Environment {
    fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(std::ffi::OsStr::new(name)).map(PathBuf::from)
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.0.get(std::ffi::OsStr::new(name)) else { return Ok(None) };
        let text = value.to_string_lossy();
        parse(&text).map(Some).ok_or_else(|| ConfigError::Variable {
            name,
            expected,
            found: text.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    fn resolve(flags: Layer, pairs: &[(&str, &str)], file: Option<&str>) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("custodyd.toml");
        if let Some(text) = file {
            fs::write(&path, text).unwrap();
        }
        Config::resolve(flags, &environment(pairs), file.map(|_| path.as_path()), false)
    }

    #[test]
    fn a_flag_goes_before_the_environment_before_the_file_before_the_default() {
        let file = Some("data = 'file'\nlisten = '127.0.0.1:3'\n");
        let flags = Layer { data: Some("flag".into()), ..Layer::default() };
        assert_eq!(resolve(flags, &[("CUSTODYD_DATA", "env")], file).unwrap().data, Path::new("flag"));
        let config = resolve(Layer::default(), &[("CUSTODYD_DATA", "env")], file).unwrap();
        assert_eq!((config.data.as_path(), config.listen.port()), (Path::new("env"), 3));
        let config = resolve(Layer::default(), &[("CUSTODYD_DATA", "env")], None).unwrap();
        assert_eq!(config.listen.to_string(), LISTEN_DEFAULT);
        assert_eq!(config.keys.log, Path::new("env.log-key"));
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let refused = resolve(Layer::default(), &[("CUSTODYD_DATA", "")], None).unwrap_err();
        assert!(matches!(refused, ConfigError::NoData), "{refused}");
    }

    #[test]
    fn a_misspelt_key_of_the_file_is_refused() {
        let refused =
            resolve(Layer::default(), &[], Some("data = 'x'\nlisen = '127.0.0.1:3'\n")).unwrap_err();
        assert!(refused.to_string().contains("lisen"), "{refused}");
    }

    #[test]
    fn an_address_that_others_reach_wants_tls_or_a_word_for_it() {
        let data = ("CUSTODYD_DATA", "x");
        for listen in ["0.0.0.0:1", "[::]:1", "192.0.2.7:1", "[::ffff:192.0.2.7]:1"] {
            let refused = resolve(Layer::default(), &[data, ("CUSTODYD_LISTEN", listen)], None).unwrap_err();
            assert!(matches!(refused, ConfigError::Plaintext { .. }), "{listen}: {refused}");
            let allowed = [data, ("CUSTODYD_LISTEN", listen), ("CUSTODYD_ALLOW_PLAINTEXT", "true")];
            assert_eq!(resolve(Layer::default(), &allowed, None).unwrap().tls, None);
            let denied = [data, ("CUSTODYD_LISTEN", listen), ("CUSTODYD_ALLOW_PLAINTEXT", "false")];
            assert!(resolve(Layer::default(), &denied, Some("allow-plaintext = true\n")).is_err());
            let tls =
                [data, ("CUSTODYD_LISTEN", listen), ("CUSTODYD_TLS_CERT", "c"), ("CUSTODYD_TLS_KEY", "k")];
            assert!(resolve(Layer::default(), &tls, None).unwrap().tls.is_some());
        }
        for listen in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(
                resolve(Layer::default(), &[data, ("CUSTODYD_LISTEN", listen)], None).is_ok(),
                "{listen}"
            );
        }
    }

    #[test]
    fn half_of_tls_is_refused_and_names_the_other_half() {
        let file = |text: &str| resolve(Layer::default(), &[("CUSTODYD_DATA", "x")], Some(text));
        for (text, given, missing) in [
            ("tls-cert = 'c'\n", "tls-cert", "tls-key"),
            ("tls-key = 'k'\n", "tls-key", "tls-cert"),
            ("client-ca = 'a'\n", "client-ca", "tls-cert"),
            ("readers = 'r'\n", "readers", "client-ca"),
            ("tls-cert = 'c'\ntls-key = 'k'\nreaders = 'r'\n", "readers", "client-ca"),
        ] {
            let refused = file(text).unwrap_err();
            assert_eq!(refused.to_string(), format!("{given} is given without {missing}"));
        }
        let whole =
            file("tls-cert = 'c'\ntls-key = 'k'\nclient-ca = 'a'\nreaders = 'r'\ncalls-per-minute = 0\n");
        let config = whole.unwrap();
        assert_eq!(config.tls.unwrap().readers.unwrap(), Path::new("r"));
        assert_eq!((config.budget.calls, config.budget.bytes.map(NonZero::get)), (None, Some(BYTES_DEFAULT)));
    }

    #[test]
    fn a_variable_that_does_not_parse_is_named() {
        let refused = resolve(Layer::default(), &[("CUSTODYD_DATA", "x"), ("CUSTODYD_LISTEN", "4600")], None)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CUSTODYD_LISTEN: expected an address like 127.0.0.1:4600, found \"4600\""
        );
    }
}
