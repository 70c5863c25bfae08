//! Where the value of a flag comes from: the flag itself, the environment, the configuration file, the
//! default; in this order.
//!
//! Environment and file become the flag's default before clap reads the command line, so clap checks their values as
//! it checks typed ones. All flags have them but those that weaken a check (`COMMAND_LINE_ONLY`) and those that belong
//! to one call (`PER_CALL`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::environment::Environment;
use super::failure::Failure;
use super::output::Format;
use super::settings::default_config_file;

/// Flags that weaken or move a check: given on the command line only, so that no forgotten variable or file
/// makes a gate say yes.
const COMMAND_LINE_ONLY: [&str; 7] =
    ["no-assert", "verify", "at", "effective-time", "policy-file", "pack", "without"];

/// Flags that belong to one call, by command: what is expected of a file, where results go, which entries are asked
/// for. They share their names with flags of other commands that mean something else, so a setting for those must
/// not change what these check, find or write. A command and the one behind it have flags of their own beside those of the command.
const PER_CALL: [(&str, &[&str]); 20] = [
    ("audit", &["checkpoint", "from-scratch"]),
    ("distrust", &["out", "reason", "since", "undo"]),
    ("policy", &["name", "out", "over"]),
    ("redact", &["out", "reason"]),
    ("inspect", &["artifact", "identity", "issuer", "key", "trusted-root"]),
    (
        "find",
        &[
            "clean",
            "commit",
            "environment",
            "except",
            "except-component",
            "except-signer",
            "identity",
            "predicate",
            "ref",
            "repo",
            "subject",
        ],
    ),
    ("coverage", &["environment", "since"]),
    ("env", &["limit", "since", "until"]),
    ("impact", &["since", "until"]),
    ("export", &["out"]),
    ("findings", &["since"]),
    (
        "gate",
        &["environment", "parameter", "receipt", "record", "replay", "resource-uri", "show-input", "since"],
    ),
    ("key", &["name", "out"]),
    ("man", &["out"]),
    ("receipt", &["out"]),
    ("record", &["partial", "policy", "predicate", "receipt", "rule", "statement", "type"]),
    // What `record build` made is told by a flag of this name, and a bundle that names no file would be told it too.
    ("record envelope", &["artifact"]),
    ("spool", &["receipts", "refused"]),
    (
        "trust",
        &[
            "about",
            "add-issuer",
            "authority",
            "claim",
            "next-alone",
            "next-from",
            "next-log-key",
            "not-before",
            "out",
            "reason",
            "remove-issuer",
            "root",
            "undo",
        ],
    ),
    ("watch", &["commit", "cursor", "environment", "limit", "predicate", "ref", "repo", "subject"]),
];

/// Flags that say where the file is, or end the program: they cannot come from the file.
const NEVER_IN_FILE: [&str; 3] = ["config", "help", "version"];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// This variable.
    Environment(String),
    /// This file.
    File(PathBuf),
}

/// The values that environment and configuration file give, by the long name of the flag.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    values: BTreeMap<String, (Vec<String>, Source)>,
    warnings: Vec<String>,
    absent: Option<PathBuf>,
}

impl Layers {
    /// Reads the environment, and the configuration file that flags or environment name. What could be read is
    /// returned beside a failure, which is then reported in the format asked for.
    pub(crate) fn read(
        arguments: &[OsString],
        environment: &Environment,
        command: &Command,
    ) -> (Self, Result<(), Failure>) {
        let flags = long_flags(command, "");
        let mut layers = Self::default();
        let file = layers.add_file(arguments, environment, &flags);
        layers.add_environment(environment, &flags);
        (layers, file)
    }

    /// Finds `-o json` before the flags are read, to report errors in the flags themselves.
    pub(crate) fn early_format(&self, arguments: &[OsString]) -> Format {
        let typed = early_value(arguments, "--output").or_else(|| early_short(arguments, 'o'));
        let set = || self.value("output").and_then(|(values, _)| values.last().cloned());
        if typed.or_else(set).as_deref() == Some("json") { Format::Json } else { Format::Text }
    }

    /// Returns the value that environment or file give to a flag, and where it came from.
    pub(crate) fn value(&self, flag: &str) -> Option<(&[String], &Source)> {
        self.values.get(flag).map(|(values, source)| (values.as_slice(), source))
    }

    /// Returns the names of all flags that environment or file set.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Returns what the user should know about variables that were not used.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the configuration file that was named and is not there.
    pub(crate) fn absent_file(&self) -> Option<&std::path::Path> {
        self.absent.as_deref()
    }

    /// Returns where a value that clap refused came from; none if it was typed.
    pub(crate) fn source_of(&self, error: &clap::Error, arguments: &[OsString]) -> Option<String> {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let shown = text(ContextKind::InvalidArg)?.strip_prefix("--")?;
        let flag = shown.split([' ', '=', '[']).next()?;
        let (values, source) = self.value(flag)?;
        let set = values.iter().any(|value| text(ContextKind::InvalidValue) == Some(value));
        if !set || early_value(arguments, &format!("--{flag}")).is_some() {
            return None;
        }
        Some(match source {
            Source::Environment(name) => format!("the value is that of the variable {name}"),
            Source::File(path) => format!("the value is that of `{flag}` in {}", path.display()),
        })
    }

    /// Makes the values the defaults of their flags, in every command.
    pub(crate) fn apply(&self, command: Command) -> Command {
        self.apply_to(command, "")
    }

    /// `path` is the commands behind `custody`, at most two; empty for `custody` itself.
    fn apply_to(&self, command: Command, path: &str) -> Command {
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        let with_flags =
            command.mut_args(|arg| if per_call(path, &arg) { arg } else { self.set_default(arg) });
        names.into_iter().fold(with_flags, |command, name| {
            let path = behind(path, &name);
            command.mut_subcommand(name, |sub| self.apply_to(sub, &path))
        })
    }

    fn set_default(&self, arg: Arg) -> Arg {
        let Some((values, _)) = arg.get_long().and_then(|long| self.value(long)) else { return arg };
        // A required flag that has a default is given.
        let arg = arg.required(false);
        match arg.get_action() {
            ArgAction::Append => arg.default_values(values.to_vec()),
            _ => match values.last() {
                Some(value) => arg.default_value(value.clone()),
                None => arg,
            },
        }
    }

    fn add_environment(&mut self, environment: &Environment, flags: &BTreeMap<String, ArgAction>) {
        for (variable, value) in environment.iter() {
            let Some(name) = variable.strip_prefix("CUSTODY_") else { continue };
            let flag = name.to_ascii_lowercase().replace('_', "-");
            if COMMAND_LINE_ONLY.contains(&flag.as_str()) {
                self.warnings.push(format!(
                    "{variable} is ignored: --{flag} weakens or moves a check and is taken from the command line only"
                ));
            } else if let Some(action) = flags.get(&flag) {
                let values = vec![boolean(action, value)];
                self.values.insert(flag, (values, Source::Environment(variable.to_owned())));
            }
        }
    }

    fn add_file(
        &mut self,
        arguments: &[OsString],
        environment: &Environment,
        flags: &BTreeMap<String, ArgAction>,
    ) -> Result<(), Failure> {
        let named = early_value(arguments, "--config")
            .or_else(|| environment.var("CUSTODY_CONFIG").map(str::to_owned))
            .map(PathBuf::from);
        let Some(path) = named.clone().or_else(|| default_config_file(environment)) else { return Ok(()) };
        if let Err(error) = std::fs::metadata(&path)
            && error.kind() == std::io::ErrorKind::NotFound
        {
            // Only a file that was named must be there, and not for `init`, which makes it.
            self.absent = named;
            return Ok(());
        }
        let bytes = super::file::read(&path, CONFIG_BYTES_MAX)
            .map_err(|failure| Failure::usage("config_file", failure.message).hint(NAME_FILE))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            Failure::usage("config_file", format!("{} is not UTF-8: {error}", path.display())).hint(NAME_FILE)
        })?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            Failure::usage("config_file", format!("{} is not TOML: {}", path.display(), error.message()))
                .hint("correct it by hand, or move it away and run `custody init`")
        })?;
        // First how the error in another setting is printed.
        let (output, others): (Vec<_>, Vec<_>) = table.into_iter().partition(|(key, _)| key == "output");
        for (key, value) in output.into_iter().chain(others) {
            let flag = key.replace('_', "-");
            let values = Self::file_value(&flag, &value, &path, flags)?;
            self.values.insert(flag, (values, Source::File(path.clone())));
        }
        Ok(())
    }

    fn file_value(
        flag: &str,
        value: &toml::Value,
        path: &std::path::Path,
        flags: &BTreeMap<String, ArgAction>,
    ) -> Result<Vec<String>, Failure> {
        let refused = |why: String| Failure::usage("config_file", format!("{}: {why}", path.display()));
        if COMMAND_LINE_ONLY.contains(&flag) {
            return Err(refused(format!("`{flag}` weakens or moves a check"))
                .hint(format!("remove it from the file, and give --{flag} on the command line")));
        }
        let Some(action) = flags.get(flag).filter(|_| !NEVER_IN_FILE.contains(&flag)) else {
            return Err(refused(format!("there is no setting `{flag}`"))
                .hint("`custody config` lists the settings; each flag of a command is one too"));
        };
        scalars(value).map(|values| values.iter().map(|value| boolean(action, value)).collect()).ok_or_else(
            || {
                refused(format!("`{flag}` must be a text, a number, true or false, or a list of these"))
                    .hint("write settings at the top of the file, before any [table]: flag = \"value\"")
            },
        )
    }
}

const NAME_FILE: &str =
    "name a configuration file with --config or CUSTODY_CONFIG; `custody init` writes one";

/// The largest configuration file that is read: 1 MiB.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

fn early_value(arguments: &[OsString], flag: &str) -> Option<String> {
    let mut found = None;
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if word == flag {
            found = words.next().map(std::borrow::Cow::into_owned);
        } else if let Some(value) = word.strip_prefix(flag) {
            found = value.strip_prefix('=').map(str::to_owned).or(found);
        }
    }
    found
}

/// Finds the value of a short flag, which may stand behind switches: `-qo json`.
fn early_short(arguments: &[OsString], flag: char) -> Option<String> {
    let mut found = None;
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(cluster) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else { continue };
        let Some((switches, value)) = cluster.split_once(flag) else { continue };
        if !switches.chars().all(|switch| switch.is_ascii_alphabetic()) {
            continue;
        }
        found = match value.strip_prefix('=').unwrap_or(value) {
            "" => words.next().map(std::borrow::Cow::into_owned),
            value => Some(value.to_owned()),
        };
    }
    found
}

/// Returns the path to a command behind others: two of them are told apart.
fn behind(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        two if two.contains(' ') => two.to_owned(),
        one => format!("{one} {name}"),
    }
}

fn per_call(path: &str, arg: &Arg) -> bool {
    let first = path.split(' ').next();
    let of_command = PER_CALL.iter().filter(|(command, _)| Some(*command) == first || *command == path);
    of_command.flat_map(|(_, flags)| *flags).any(|flag| arg.get_long() == Some(flag))
}

/// Returns the flags that environment and file can set.
fn long_flags(command: &Command, path: &str) -> BTreeMap<String, ArgAction> {
    let own = command.get_arguments().filter(|arg| !per_call(path, arg));
    let own = own.filter_map(|arg| Some((arg.get_long()?.to_owned(), arg.get_action().clone())));
    let mut flags: BTreeMap<String, ArgAction> = own.collect();
    for sub in command.get_subcommands() {
        flags.extend(long_flags(sub, &behind(path, sub.get_name())));
    }
    flags
}

/// A switch is set by what people write for yes.
fn boolean(action: &ArgAction, value: &str) -> String {
    let switch = matches!(action, ArgAction::SetTrue | ArgAction::SetFalse);
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "on" | "true" if switch => "true".to_owned(),
        "0" | "no" | "off" | "false" if switch => "false".to_owned(),
        _ => value.to_owned(),
    }
}

fn scalars(value: &toml::Value) -> Option<Vec<String>> {
    let one = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        toml::Value::Array(values) => values.iter().map(one).collect(),
        single => one(single).map(|text| vec![text]),
    }
}
