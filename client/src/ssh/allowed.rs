//! Who may sign what, and when (ssh-keygen(1), "ALLOWED SIGNERS"): the file that git calls `gpg.ssh.allowedSignersFile`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::Timestamp;

/// The largest file: 1 MiB, more than 5,000 lines with RSA keys of 4,096 bits.
pub const ALLOWED_MAX: usize = 1 << 20;

/// The keys that may sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners(Vec<Line>);

/// What the file says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// It may sign.
    Yes {
        /// Whose it is, as the file says.
        principals: String,
    },
    /// The file does not name it.
    NotListed,
    /// The file names it for other uses only.
    OtherNamespace {
        /// The uses, cut to 80 characters.
        namespaces: String,
    },
    /// The file names it for other times only.
    OtherTime {
        /// The time asked for.
        time: Timestamp,
        /// When it may sign.
        window: String,
    },
    /// Whether the time is one of those depends on where one is: the file gives it without `Z`.
    LocalTime {
        /// When it may sign.
        window: String,
    },
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedSignersError {
    /// Longer than [`ALLOWED_MAX`].
    #[error("a file of allowed signers is at most {ALLOWED_MAX} bytes, found {found}")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// A line that cannot be read.
    #[error("line {line}: {problem}")]
    Line {
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Not the parts of a line.
    #[error("expected: principals, options, key type, key in base64")]
    Form,
    /// An option that is not known. It could forbid something.
    #[error("the option {found:?} is not known")]
    Option {
        /// Its text, cut to 80 characters.
        found: String,
    },
    /// A time that cannot be read.
    #[error("expected a time such as 20261120Z or 20261120123000Z, found {found:?}")]
    Time {
        /// Its text, cut to 80 characters.
        found: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    principals: String,
    authority: bool,
    namespaces: Option<String>,
    after: Option<Moment>,
    before: Option<Moment>,
    key: Vec<u8>,
}

/// A time as the file gives it; without a zone it is one of those between the two.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    text: String,
    earliest: Timestamp,
    latest: Timestamp,
}

/// The zones of the earth: noon here is midnight at UTC+12 and 14 hours earlier at UTC+14.
const AHEAD_MAX_HOURS: i64 = 14;
const BEHIND_MAX_HOURS: i64 = 12;
const HOUR_MICROS: i64 = 3_600_000_000;

impl AllowedSigners {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, AllowedSignersError> {
        if text.len() > ALLOWED_MAX {
            return Err(AllowedSignersError::TooLong { found: text.len() });
        }
        let lines = text.lines().map(str::trim).zip(1..);
        let filled = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let read =
            |(text, line)| Line::parse(text).map_err(|problem| AllowedSignersError::Line { line, problem });
        filled.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether a key, by its bytes, may sign for this use at this time. One line that allows it is enough. A line
    /// for a certificate authority is about certificates, and allows no key.
    #[must_use]
    pub fn allows(&self, key: &[u8], namespace: &str, time: Timestamp) -> Allowed {
        let mut answer = Allowed::NotListed;
        for line in self.0.iter().filter(|line| !line.authority && line.key == key) {
            match line.allows(namespace, time) {
                yes @ Allowed::Yes { .. } => return yes,
                // A doubt says more than a no: another zone could make it a yes.
                no if !matches!(answer, Allowed::LocalTime { .. }) => answer = no,
                _ => {}
            }
        }
        answer
    }
}

impl Line {
    fn parse(text: &str) -> Result<Self, LineProblem> {
        let (principals, rest) = word(text).ok_or(LineProblem::Form)?;
        let (next, after) = word(rest).ok_or(LineProblem::Form)?;
        let mut line = Self {
            principals: principals.replace('"', ""),
            authority: false,
            namespaces: None,
            after: None,
            before: None,
            key: Vec::new(),
        };
        // The kind of a key holds no sign that an option has but for `cert-authority`, which is one.
        let rest = if is_kind(next) { rest } else { after };
        if !is_kind(next) {
            options(next)?.into_iter().try_for_each(|option| line.take(option))?;
        }
        let (kind, rest) = word(rest).ok_or(LineProblem::Form)?;
        let (key, _comment) = word(rest).ok_or(LineProblem::Form)?;
        let key = STANDARD.decode(key).map_err(|_| LineProblem::Form)?;
        let named = super::wire::Reader::new(&key).text().is_ok_and(|named| named == kind);
        if named { Ok(Self { key, ..line }) } else { Err(LineProblem::Form) }
    }

    fn take(&mut self, (name, value): (String, Option<String>)) -> Result<(), LineProblem> {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => self.authority = true,
            ("namespaces", Some(list)) if self.namespaces.is_none() => self.namespaces = Some(list),
            ("valid-after", Some(time)) if self.after.is_none() => self.after = Some(Moment::parse(&time)?),
            ("valid-before", Some(time)) if self.before.is_none() => {
                self.before = Some(Moment::parse(&time)?);
            }
            _ => return Err(LineProblem::Option { found: name.chars().take(80).collect() }),
        }
        Ok(())
    }

    fn allows(&self, namespace: &str, time: Timestamp) -> Allowed {
        if let Some(list) = self.namespaces.as_ref().filter(|list| !in_list(namespace, list)) {
            return Allowed::OtherNamespace { namespaces: list.chars().take(80).collect() };
        }
        // Both ends are inside, as for ssh-keygen.
        let too_early = |moment: &Moment| time < moment.earliest;
        let too_late = |moment: &Moment| time > moment.latest;
        if self.after.as_ref().is_some_and(too_early) || self.before.as_ref().is_some_and(too_late) {
            return Allowed::OtherTime { time, window: self.window() };
        }
        let may_be_early = |moment: &Moment| time < moment.latest;
        let may_be_late = |moment: &Moment| time > moment.earliest;
        if self.after.as_ref().is_some_and(may_be_early) || self.before.as_ref().is_some_and(may_be_late) {
            return Allowed::LocalTime { window: self.window() };
        }
        Allowed::Yes { principals: self.principals.clone() }
    }

    fn window(&self) -> String {
        let part = |word: &str, moment: &Option<Moment>| {
            moment.as_ref().map(|moment| format!("{word} {}", moment.text))
        };
        let parts = [part("from", &self.after), part("to", &self.before)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Moment {
    /// Reads `YYYYMMDD[HHMM[SS]][Z]`.
    fn parse(text: &str) -> Result<Self, LineProblem> {
        let wrong = || LineProblem::Time { found: text.chars().take(80).collect() };
        let (digits, utc) = text.strip_suffix(['Z', 'z']).map_or((text, false), |digits| (digits, true));
        if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let full = format!("{digits:0<14}");
        let part = |from: usize, to: usize| full.get(from..to).unwrap_or_default();
        let (date, clock) = ([part(0, 4), part(4, 6), part(6, 8)], [part(8, 10), part(10, 12), part(12, 14)]);
        let rfc3339 = format!("{}T{}Z", date.join("-"), clock.join(":"));
        let time = Timestamp::parse_rfc3339(&rfc3339).map_err(|_| wrong())?;
        // At the ends of time there is nothing beyond.
        let moved = |hours: i64| {
            let micros = time.as_micros().saturating_add(hours * HOUR_MICROS);
            Timestamp::from_micros(micros).unwrap_or(time)
        };
        let (earliest, latest) = if utc { (0, 0) } else { (-AHEAD_MAX_HOURS, BEHIND_MAX_HOURS) };
        Ok(Self { text: text.to_owned(), earliest: moved(earliest), latest: moved(latest) })
    }
}

fn is_kind(text: &str) -> bool {
    let starts = |prefix: &&str| text.starts_with(*prefix);
    ["ssh-", "ecdsa-", "sk-", "webauthn-", "rsa-"].iter().any(starts) && !text.contains(['=', ',', '"'])
}

/// Cuts off the first word. White space inside of quotes is no end of it.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut quoted = false;
    let end = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        c.is_ascii_whitespace() && !quoted
    });
    let (word, rest) = text.split_at(end.map_or(text.len(), |(at, _)| at));
    let closed = word.matches('"').count() % 2 == 0;
    (!word.is_empty() && closed).then_some((word, rest))
}

/// Splits `name,name="value",...`.
fn options(text: &str) -> Result<Vec<(String, Option<String>)>, LineProblem> {
    let mut quoted = false;
    let at_comma = |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    let wrong = |text: &str| LineProblem::Option { found: text.chars().take(80).collect() };
    let option = |text: &str| match text.split_once('=') {
        None => Ok((text.to_owned(), None)),
        Some((name, value)) => {
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let value = value.filter(|value| !value.contains('"')).ok_or_else(|| wrong(text))?;
            Ok((name.to_owned(), Some(value.to_owned())))
        }
    };
    text.split(at_comma).map(option).collect()
}

/// Whether a list of patterns takes a name: one fits, and none with `!` does.
fn in_list(name: &str, list: &str) -> bool {
    let patterns = || list.split(',');
    let refused =
        patterns().filter_map(|pattern| pattern.strip_prefix('!')).any(|pattern| fits(name, pattern));
    !refused && patterns().any(|pattern| !pattern.starts_with('!') && fits(name, pattern))
}

/// Whether a pattern with `*` and `?` takes a name: a table of what each start of the name fits, without going back.
fn fits(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut taken = vec![false; name.len() + 1];
    if let Some(first) = taken.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let next = |at: usize| match wanted {
            '*' => taken.iter().take(at + 1).any(|taken| *taken),
            _ if at == 0 => false,
            _ => {
                let same = wanted == '?' || name.get(at - 1) == Some(&wanted);
                same && taken.get(at - 1).copied().unwrap_or(false)
            }
        };
        taken = (0..taken.len()).map(next).collect();
    }
    taken.last().copied().unwrap_or(false)
}
