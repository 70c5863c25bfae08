//! Tar archives (POSIX `ustar`) of which single files are read where they stand: nothing is unpacked.
//!
//! Only what a layout needs is taken: files and folders below the archive's own top, with names of at most 255 bytes. What
//! one program would unpack elsewhere or under another name than the next (links, absolute names, `..`, a name twice, names in
//! extended headers) is refused with its name.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, SeekFrom};

use super::Source;

/// The most files, folders and extended headers of an archive: each takes at most some 350 bytes, 22 MiB together.
pub const ARCHIVE_FILES_MAX: usize = 65_536;

/// The length of a header, and what contents are filled up to.
const BLOCK: usize = 512;

/// The longest extended header that is looked into.
const EXTENDED_MAX: u64 = 64 << 10;

/// The files of an archive.
pub(super) struct Archive {
    source: Box<dyn Source>,
    /// Where each file's bytes begin, and how many there are.
    files: BTreeMap<String, (u64, u64)>,
}

/// Why an archive is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The system does not let us read it.
    #[error("it cannot be read: {why}")]
    Unreadable {
        /// What the system said.
        why: ErrorKind,
    },
    /// Bytes that are no header where one should be.
    #[error("no header at byte {at}: expected ustar with its checksum")]
    Header {
        /// Where, from 0.
        at: u64,
    },
    /// It ends before the contents of a file do.
    #[error("it ends within {name:?}")]
    Truncated {
        /// The file's name, cut to 100 characters.
        name: String,
    },
    /// A name that leads out of it.
    #[error("{name:?} leads out of the archive")]
    Outside {
        /// The name, cut to 100 characters.
        name: String,
    },
    /// A link, device or another thing that is neither file nor folder.
    #[error("{name:?} is neither a file nor a folder (type {kind:?})")]
    Link {
        /// The name, cut to 100 characters.
        name: String,
        /// The type's letter or digit.
        kind: char,
    },
    /// The same name a second time.
    #[error("{name:?} is there twice")]
    Twice {
        /// The name, cut to 100 characters.
        name: String,
    },
    /// A name or length that stands in an extended header.
    #[error("a name or length stands in an extended header at byte {at}, which no layout needs")]
    Extended {
        /// Where, from 0.
        at: u64,
    },
    /// Too many files.
    #[error("it holds more than {max} files")]
    TooMany {
        /// [`ARCHIVE_FILES_MAX`].
        max: usize,
    },
}

/// Whether a file that starts with these bytes is a tar archive: at least 512 are needed to tell.
#[must_use]
pub fn is_archive(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|block| Header::parse(block).is_some())
}

struct Header {
    name: String,
    size: u64,
    kind: u8,
}

impl Header {
    /// Reads a header; none if magic or checksum are others, or a number or name cannot be read.
    fn parse(block: &[u8; BLOCK]) -> Option<Self> {
        let magic = block.get(257..262)? == b"ustar";
        let counts = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) };
        let sum: u64 = block.iter().enumerate().map(counts).sum();
        if !magic || octal(block.get(148..156)?)? != sum {
            return None;
        }
        let name = text(block.get(..100)?)?;
        // GNU's own form (two spaces behind the magic) has times where POSIX has the start of a long name.
        let posix = block.get(262..265)? == b"\x0000";
        let prefix = if posix { text(block.get(345..500)?)? } else { "" };
        let name = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        Some(Self { name, size: octal(block.get(124..136)?)?, kind: *block.get(156)? })
    }
}

/// Reads octal digits between spaces or NULs. Lengths from 8 GiB on are written in another way, and are none.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = text(field)?.trim_matches(' ');
    let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match digits {
        "" => Some(0),
        _ if plain => u64::from_str_radix(digits, 8).ok(),
        _ => None,
    }
}

/// Reads text up to the first NUL.
fn text(field: &[u8]) -> Option<&str> {
    std::str::from_utf8(field.split(|byte| *byte == 0).next()?).ok()
}

impl Archive {
    /// Reads the headers: what files there are, and where.
    pub(super) fn read(mut source: Box<dyn Source>) -> Result<Self, ArchiveError> {
        let end = source.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut files = BTreeMap::new();
        let (mut at, mut count) = (0_u64, 0_usize);
        while let Some(block) = block_at(&mut source, at)? {
            // A block of zeros ends an archive; what follows is filling.
            if block.iter().all(|byte| *byte == 0) {
                break;
            }
            let header = Header::parse(&block).ok_or(ArchiveError::Header { at })?;
            count = count.saturating_add(1);
            if count > ARCHIVE_FILES_MAX {
                return Err(ArchiveError::TooMany { max: ARCHIVE_FILES_MAX });
            }
            let start = at.saturating_add(512);
            if start.saturating_add(header.size) > end {
                return Err(ArchiveError::Truncated { name: cut(&header.name) });
            }
            if let Some(name) = file_name(&header, at, &mut source)? {
                let twice = ArchiveError::Twice { name: cut(&name) };
                if files.insert(name, (start, header.size)).is_some() {
                    return Err(twice);
                }
            }
            at = start.saturating_add(header.size.next_multiple_of(512));
        }
        Ok(Self { source, files })
    }

    /// Returns the names of its files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Reads a file up to one byte more than `max`; none if there is none of this name.
    pub(super) fn file(&mut self, name: &str, max: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some((start, size)) = self.files.get(name) else { return Ok(None) };
        self.source.seek(SeekFrom::Start(*start)).map_err(failed)?;
        read_up_to((*size).min(max.saturating_add(1)), &mut self.source).map(Some)
    }
}

/// Returns the name of the file behind a header; none if it is no file, and nothing that is refused.
fn file_name(header: &Header, at: u64, source: &mut Box<dyn Source>) -> Result<Option<String>, ArchiveError> {
    match header.kind {
        b'0' | 0 => inner_name(&header.name).map(Some),
        b'5' => inner_name(&header.name).map(|_| None),
        b'x' | b'g' => plain_extension(source, at, header.size).map(|()| None),
        b'L' | b'K' => Err(ArchiveError::Extended { at }),
        kind => Err(ArchiveError::Link { name: cut(&header.name), kind: char::from(kind) }),
    }
}

/// Reads the block at this place; none where the archive ends.
fn block_at(source: &mut Box<dyn Source>, at: u64) -> Result<Option<[u8; BLOCK]>, ArchiveError> {
    source.seek(SeekFrom::Start(at)).map_err(failed)?;
    match <[u8; BLOCK]>::try_from(read_up_to(512, source)?) {
        Ok(block) => Ok(Some(block)),
        Err(short) if short.is_empty() => Ok(None),
        Err(_) => Err(ArchiveError::Header { at }),
    }
}

/// Passes over an extended header that changes neither name nor length: times, owners, comments.
fn plain_extension(source: &mut Box<dyn Source>, at: u64, size: u64) -> Result<(), ArchiveError> {
    if size > EXTENDED_MAX {
        return Err(ArchiveError::Extended { at });
    }
    let bytes = read_up_to(size, source)?;
    let names: [&[u8]; 4] = [b" path=", b" linkpath=", b" size=", b" GNU.sparse."];
    let has = |name: &&[u8]| bytes.windows(name.len()).any(|window| window == *name);
    if names.iter().any(has) { Err(ArchiveError::Extended { at }) } else { Ok(()) }
}

/// Returns the name without `./` before it, if it stays below the archive's top.
fn inner_name(name: &str) -> Result<String, ArchiveError> {
    let inner = name.strip_prefix("./").unwrap_or(name);
    let up = inner.split(['/', '\\']).any(|part| part == "..");
    if up || inner.starts_with('/') {
        Err(ArchiveError::Outside { name: cut(name) })
    } else {
        Ok(inner.to_owned())
    }
}

fn read_up_to(max: u64, source: &mut Box<dyn Source>) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    source.take(max).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn cut(name: &str) -> String {
    name.chars().take(100).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: std::io::Error) -> ArchiveError {
    ArchiveError::Unreadable { why: error.kind() }
}
