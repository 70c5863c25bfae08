//! Signed envelopes that wait for the server: one file, which can travel from one machine to another.
//!
//! ```text
//! {"format":"custody/spool/v1","pin":"example.com/log+sha256:<hex>"}
//! {"envelope":"<base64>","digest":"sha256:<hex>","since":"<time>","tried":null,"refused":null}
//! ...
//! ```
//!
//! A line is appended and synced before the caller is told that it is kept; a line that a crash cut has no line feed
//! and is dropped. Everything else replaces the file by renaming a synced new one over it. Whoever writes holds a lock
//! on the file.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::envelope::Envelope;
use custody_evidence::json;
use custody_log::{EnvelopeDigest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::memory::{MemoryError, replace};
use crate::pin::Pin;

const FORMAT: &str = "custody/spool/v1";

/// How many envelopes a spool keeps: 10,000.
pub const ENVELOPES_MAX: usize = 10_000;

/// How large a spool gets: 256 MiB. The largest envelope, of 64 MiB, is 86 MiB in base64.
pub const BYTES_MAX: u64 = 256 << 20;

/// A spool of one log.
#[derive(Debug, Clone)]
pub struct Spool {
    path: PathBuf,
    pin: Pin,
}

/// An envelope that waits.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The envelope; its digest is the one that was written down.
    pub envelope: Envelope,
    /// When it was put here.
    pub since: String,
    /// Why it could not be recorded when that was tried last; none if it was not.
    pub tried: Option<Why>,
    /// Why the log refused it; it is not tried again unless that is asked for.
    pub refused: Option<Why>,
}

/// Why an envelope was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The stable word.
    pub code: String,
    /// What was said.
    pub message: String,
}

/// What became of an envelope that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is in the log.
    Recorded,
    /// It could not be recorded now.
    Failed(Why),
    /// The log refused it.
    Refused(Why),
}

/// Why a spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file cannot be read or written.
    #[error("the spool {}: {why}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The file cannot be replaced.
    #[error("the spool: {0}")]
    Replace(#[from] MemoryError),
    /// There is no such file.
    #[error("there is no spool {}", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A line is none of a spool.
    #[error("{} is not a spool: line {line}: {why}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
        /// Why.
        why: String,
    },
    /// It is a spool of another log.
    #[error("the spool {} is for {found:?}, expected {expected}", .path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The pinned log.
        expected: Box<Pin>,
        /// What the file says, cut to 200 characters.
        found: String,
    },
    /// There is no room for another envelope.
    #[error("the spool {} is full: it keeps at most {ENVELOPES_MAX} envelopes and {BYTES_MAX} bytes", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    pin: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    envelope: String,
    digest: String,
    since: String,
    tried: Option<Why>,
    refused: Option<Why>,
}

impl Spool {
    /// Names a spool; nothing is read or made yet.
    #[must_use]
    pub const fn new(path: PathBuf, pin: Pin) -> Self {
        Self { path, pin }
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps an envelope. When this returns it is on disk. An envelope that waits here already is not kept twice.
    pub fn keep(&self, envelope: &Envelope, now: Timestamp) -> Result<(), SpoolError> {
        let mut file = self.open_locked(true)?;
        let bytes = self.read(&mut file)?;
        let (lines, whole) = self.parse(&bytes)?;
        let digest = envelope.digest().to_string();
        if lines.iter().any(|line| line.digest == digest && line.refused.is_none()) {
            return Ok(());
        }
        let line = Line {
            envelope: STANDARD.encode(envelope.bytes()),
            digest,
            since: now.to_string(),
            tried: None,
            refused: None,
        };
        let mut added = if whole == 0 { self.header()? } else { Vec::new() };
        added.extend(self.line(&line)?);
        let size = u64::try_from(whole.saturating_add(added.len())).unwrap_or(u64::MAX);
        if lines.len() >= ENVELOPES_MAX || size > BYTES_MAX {
            return Err(SpoolError::Full { path: self.path.clone() });
        }
        // What a crash cut is overwritten.
        let at = u64::try_from(whole).unwrap_or(u64::MAX);
        let written = (|| {
            file.set_len(at)?;
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&added)?;
            file.sync_all()?;
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        })();
        if written.is_err() {
            // Half a line must not stay; that it cannot be cut is not the error to report.
            drop(file.set_len(at));
        }
        written.map_err(|why| self.file(why))
    }

    /// Returns what waits, in the order it was kept.
    pub fn waiting(&self) -> Result<Vec<Waiting>, SpoolError> {
        let mut file = self.open_locked(false)?;
        let bytes = self.read(&mut file)?;
        let (lines, _) = self.parse(&bytes)?;
        let read = |(number, line): (usize, Line)| {
            let wrong = |why: String| SpoolError::Line { path: self.path.clone(), line: number + 2, why };
            let bytes = STANDARD.decode(&line.envelope).map_err(|error| wrong(error.to_string()))?;
            let found = EnvelopeDigest::of(&bytes).to_string();
            if found != line.digest {
                let expected: String = line.digest.chars().take(80).collect();
                return Err(wrong(format!("expected the envelope {expected:?}, found {found}")));
            }
            let envelope = Envelope::parse(&bytes).map_err(|error| wrong(error.to_string()))?;
            Ok(Waiting { envelope, since: line.since, tried: line.tried, refused: line.refused })
        };
        lines.into_iter().enumerate().map(read).collect()
    }

    /// Writes down what became of envelopes: what is recorded goes, what was refused stays with the reason, and so does
    /// what failed. What others kept meanwhile stays, too. An empty spool is removed.
    pub fn settle(&self, fates: &[(EnvelopeDigest, Fate)]) -> Result<(), SpoolError> {
        let mut file = self.open_locked(false)?;
        let bytes = self.read(&mut file)?;
        let (lines, _) = self.parse(&bytes)?;
        let mut left = Vec::new();
        for mut line in lines {
            let fate = fates.iter().find(|(digest, _)| digest.to_string() == line.digest);
            match fate.map(|(_, fate)| fate) {
                Some(Fate::Recorded) => continue,
                Some(Fate::Failed(why)) => line.tried = Some(why.clone()),
                Some(Fate::Refused(why)) => line.refused = Some(why.clone()),
                None => {}
            }
            left.push(line);
        }
        if left.is_empty() {
            return fs::remove_file(&self.path).map_err(|why| self.file(why));
        }
        let mut bytes = self.header()?;
        for line in &left {
            bytes.extend(self.line(line)?);
        }
        Ok(replace(&self.path, &bytes)?)
    }

    /// Opens the file and waits for its lock. A file that was replaced or removed meanwhile is opened again.
    fn open_locked(&self, make: bool) -> Result<File, SpoolError> {
        loop {
            if make && let Some(parent) = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                fs::create_dir_all(parent).map_err(|why| self.file(why))?;
            }
            let opened = File::options().read(true).write(true).create(make).truncate(false).open(&self.path);
            let file = match opened {
                Err(why) if why.kind() == io::ErrorKind::NotFound => {
                    return Err(SpoolError::Missing { path: self.path.clone() });
                }
                opened => opened.map_err(|why| self.file(why))?,
            };
            file.lock().map_err(|why| self.file(why))?;
            let ours = file.metadata().map_err(|why| self.file(why))?;
            match fs::metadata(&self.path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(file),
                _ => {}
            }
        }
    }

    fn read(&self, file: &mut File) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|why| self.file(why))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
            return Err(SpoolError::Full { path: self.path.clone() });
        }
        Ok(bytes)
    }

    /// Returns the lines, and how many bytes are whole lines. An empty file is a spool without a header.
    fn parse(&self, bytes: &[u8]) -> Result<(Vec<Line>, usize), SpoolError> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let wrong = |line, why: String| SpoolError::Line { path: self.path.clone(), line, why };
        let mut texts = bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
        let Some(first) = texts.next() else {
            // Only the crash that made the file may leave it without a header; any other text is somebody's file.
            let start = format!("{{\"format\":\"{FORMAT}\"");
            let (short, long) =
                if bytes.len() < start.len() { (bytes, start.as_bytes()) } else { (start.as_bytes(), bytes) };
            return if long.starts_with(short) {
                Ok((Vec::new(), 0))
            } else {
                Err(wrong(1, "no header".to_owned()))
            };
        };
        let header: Header = json::from_slice(first).map_err(|error| wrong(1, error.to_string()))?;
        if header.format != FORMAT {
            let found: String = header.format.chars().take(80).collect();
            return Err(wrong(1, format!("expected the format {FORMAT}, found {found:?}")));
        }
        if header.pin != self.pin.to_string() {
            let (path, expected) = (self.path.clone(), Box::new(self.pin.clone()));
            let found = header.pin.chars().take(200).collect();
            return Err(SpoolError::OtherLog { path, expected, found });
        }
        let line = |(number, text): (usize, &[u8])| {
            json::from_slice(text).map_err(|error| wrong(number + 2, error.to_string()))
        };
        Ok((texts.enumerate().map(line).collect::<Result<_, _>>()?, whole))
    }

    fn header(&self) -> Result<Vec<u8>, SpoolError> {
        self.line(&Header { format: FORMAT.to_owned(), pin: self.pin.to_string() })
    }

    fn line(&self, line: &impl Serialize) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = serde_json::to_vec(line).map_err(|error| self.file(error.into()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn file(&self, why: io::Error) -> SpoolError {
        SpoolError::File { path: self.path.clone(), why }
    }
}

#[cfg(test)]
mod tests;
