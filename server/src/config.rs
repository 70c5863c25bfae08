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
use crate::transport::STALL_DEFAULT;

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
    /// Form of the log on stderr [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub log_format: Option<LogFormat>,
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
        Ok(Self {
            listen: set.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 4600))),
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
    fn a_variable_that_does_not_parse_is_named() {
        let refused = resolve(Layer::default(), &[("CUSTODYD_DATA", "x"), ("CUSTODYD_LISTEN", "4600")], None)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CUSTODYD_LISTEN: expected an address like 127.0.0.1:4600, found \"4600\""
        );
    }
}
