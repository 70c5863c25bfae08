//! The journal on disk, decoded once more from `docs/format.md`, section "Journal", and from nothing else.
//!
//! It reads what a server left behind after it stopped or recovered: every byte must be accounted for. A torn tail is
//! refused like any other damage.

use std::fs;
use std::path::Path;

use super::{Hash, broken_link, digest_text, entry_line, roots, sha256};

/// One entry with what was kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The entry.
    pub entry: Vec<u8>,
    /// The admission record.
    pub record: Vec<u8>,
    /// The envelope as received.
    pub envelope: Vec<u8>,
    /// Why record and envelope are not those of the entry; then only a redaction makes the entry sound.
    pub gone: Option<String>,
}

/// Everything in a journal.
#[derive(Debug, Clone)]
pub struct Journal {
    /// All entries in order.
    pub kept: Vec<Kept>,
    /// The root at each size from 1 on.
    pub roots: Vec<Hash>,
    /// Size and root that each slot says, if it is whole and holds a checkpoint.
    pub slots: Vec<(u64, Hash)>,
}

/// Reads the journal in a data directory. The answer is an error that names the place if any byte is not as the
/// format says, a digest, the chain or a root does not fit, or a slot covers what is not there.
pub fn read(data: &Path) -> Result<Journal, String> {
    let journal = data.join("journal");
    let (mut kept, mut said) = (Vec::new(), Vec::new());
    for name in names(&journal.join("segments"))? {
        read_segment(&journal, &name, &mut kept, &mut said).map_err(|why| format!("{name}: {why}"))?;
    }
    redacted_or_whole(&kept)?;
    let entries: Vec<Vec<u8>> = kept.iter().map(|kept| kept.entry.clone()).collect();
    if let Some(index) = broken_link(&entries) {
        return Err(format!("entry {index} does not follow the one before it"));
    }
    let roots = roots(&entries);
    let root_at = |size: u64| usize::try_from(size).ok().and_then(|size| roots.get(size.checked_sub(1)?));
    for (size, root) in said {
        if root_at(size) != Some(&root) {
            return Err(format!("the frame that ends at size {size} has another root"));
        }
    }
    let mut slots = Vec::new();
    for name in ["checkpoint-a", "checkpoint-b"] {
        let bytes = fs::read(journal.join(name)).map_err(|error| format!("{name}: {error}"))?;
        let Some((size, root)) = read_slot(&bytes) else { continue };
        if size > 0 && root_at(size) != Some(&root) {
            return Err(format!("{name} holds size {size} with a root that the log does not have there"));
        }
        slots.push((size, root));
    }
    if slots.is_empty() {
        return Err("no slot is whole".to_owned());
    }
    Ok(Journal { kept, roots, slots })
}

fn names(dir: &Path) -> Result<Vec<String>, String> {
    let found = fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut names: Vec<String> = found
        .map(|entry| entry.expect("a folder can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Takes fixed parts off the front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        usize::try_from(self.number(bytes)?).map_err(|error| error.to_string())
    }

    fn hash(&mut self) -> Result<Hash, String> {
        self.take(32)?.try_into().map_err(|_| "32 bytes are a hash".to_owned())
    }
}

fn require(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

fn read_segment(
    journal: &Path,
    name: &str,
    kept: &mut Vec<Kept>,
    said: &mut Vec<(u64, Hash)>,
) -> Result<(), String> {
    let bytes = fs::read(journal.join("segments").join(name)).map_err(|error| error.to_string())?;
    require(name == format!("{:020}.segment", kept.len()), "does not start where the one before ends")?;
    require(bytes.len() >= 68, "has no header")?;
    let mut header = Rest(&bytes[..68]);
    require(header.take(16)? == b"CUSTODYJ\0\x01\0\0\0\0\0\0", "is no segment of version 1")?;
    require(header.number(8)? == kept.len() as u64, "the header names another first entry")?;
    let mark = header.take(8)?.to_vec();
    let log = header.hash()?;
    require(header.number(4)? == u64::from(crc32c(&bytes[..64])), "the checksum of the header")?;
    let mut offset = 68;
    while bytes[offset..].starts_with(b"CFRM") {
        let first = kept.len();
        let length = read_frame(journal, &bytes[offset..], &mark, kept, said)
            .map_err(|why| format!("the frame at {offset}: {why}"))?;
        require(kept.len() > first, "an empty frame")?;
        offset += length;
    }
    require(log == sha256(&kept[0].entry), "the header names another log")?;
    let seal = &bytes[offset..];
    if seal.iter().all(|byte| *byte == 0) {
        // Room for frames to come, or nothing.
        return Ok(());
    }
    // The seal's footer is checked by its checksum; the frames say all that it says.
    let sealed = seal.starts_with(b"CTAB")
        && seal.len() > 84
        && seal[seal.len() - 84..].starts_with(b"CEND")
        && seal[seal.len() - 4..] == crc32c(&seal[seal.len() - 84..seal.len() - 4]).to_be_bytes();
    require(sealed, &format!("{} bytes behind the last frame are no seal", seal.len()))
}

/// Returns the length of the frame.
fn read_frame(
    journal: &Path,
    bytes: &[u8],
    mark: &[u8],
    kept: &mut Vec<Kept>,
    said: &mut Vec<(u64, Hash)>,
) -> Result<usize, String> {
    let mut head = Rest(bytes);
    require(head.take(8)? == b"CFRM\0\x01\0\0" && head.take(8)? == mark, "magic, version or mark")?;
    require(head.number(8)? == kept.len() as u64, "another first entry")?;
    let size = head.number(8)?;
    said.push((size, head.hash()?));
    let (count, entries_len, blobs_len) = (head.length(4)?, head.length(4)?, head.length(8)?);
    require(size == (kept.len() + count) as u64, "size and number of entries do not fit")?;
    let crc = head.number(4)?;
    let lengths = head.take(16 * count)?;
    let index = head.take(entries_len)?;
    let blobs = head.take(blobs_len)?;
    let covered = [&bytes[..80], lengths, index].concat();
    require(crc == u64::from(crc32c(&covered)), "the checksum")?;
    let (mut attached, mut entries) = (Rest(index), Rest(index));
    entries.take(4 * lengths.chunks(16).map(|row| usize::from(row[3])).sum::<usize>())?;
    let (mut lengths, mut blobs) = (Rest(lengths), Rest(blobs));
    for _ in 0..count {
        let entry_len = lengths.length(2)?;
        let (place, attachments) = (lengths.number(1)?, lengths.length(1)?);
        let (record_len, envelope_len) = (lengths.length(4)?, lengths.length(8)?);
        let entry = entries.take(entry_len)?.to_vec();
        let record = blobs.take(record_len)?.to_vec();
        let envelope = match place {
            0 => blobs.take(envelope_len)?.to_vec(),
            1 => read_large(journal, &entry).unwrap_or_default(),
            other => return Err(format!("place {other}")),
        };
        let text = String::from_utf8_lossy(&entry).into_owned();
        let mut gone = None;
        for (what, bytes) in [("record", &record), ("envelope", &envelope)] {
            let line = format!("{} {}", digest_text(bytes), bytes.len());
            if entry_line(&text, what) != Some(&line) {
                gone = gone.or_else(|| Some(format!("the {what} of entry {}", kept.len())));
            }
        }
        for number in 0..attachments {
            let length = attached.length(4)?;
            let bytes = blobs.take(length)?;
            let named = format!("{{\"digest\":\"{}\",\"length\":{length},", digest_text(bytes));
            if !String::from_utf8_lossy(&record).contains(&named) {
                gone = gone.or_else(|| Some(format!("attachment {number} of entry {}", kept.len())));
            }
        }
        kept.push(Kept { entry, record, envelope, gone });
    }
    require(entries.0.is_empty() && blobs.0.is_empty(), "bytes that belong to no entry")?;
    Ok(84 + covered.len() - 80 + blobs_len)
}

/// What is gone was erased by a redaction behind it: an administrative entry that names its content.
fn redacted_or_whole(kept: &[Kept]) -> Result<(), String> {
    let text = |entry: &Kept| String::from_utf8_lossy(&entry.entry).into_owned();
    let administrative =
        |entry: &&Kept| entry_line(&text(entry), "admin").is_some_and(|line| line.ends_with(" own"));
    for (at, entry) in kept.iter().enumerate() {
        let Some(why) = &entry.gone else { continue };
        let own = text(entry);
        let content = entry_line(&own, "content").ok_or("an entry names its content")?;
        let says = format!("\"content\":\"{content}\"");
        let named = kept[at..].iter().filter(administrative).any(|later| {
            let statement = payload(&later.envelope);
            statement.contains("\"predicateType\":\"urn:custody:redaction:v1\"") && statement.contains(&says)
        });
        require(named && !administrative(&entry), why)?;
    }
    Ok(())
}

/// Returns what a DSSE envelope holds; nothing if it is none.
fn payload(envelope: &[u8]) -> String {
    let text = String::from_utf8_lossy(envelope);
    let base64 =
        text.split("\"payload\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let mut bits = (0_u32, 0);
    let mut bytes = Vec::new();
    for byte in base64.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = (bits.0 << 6 | u32::from(digit), bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            bytes.extend((bits.0 >> bits.1).to_le_bytes().first());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_large(journal: &Path, entry: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(entry).into_owned();
    let line = entry_line(&text, "envelope").ok_or("an entry names its envelope")?;
    let hex = line.trim_start_matches("sha256:").split(' ').next().unwrap_or_default();
    let path = journal.join("blobs").join(&hex[..2]).join(hex);
    fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns size and root of a slot; none if it is not whole.
fn read_slot(bytes: &[u8]) -> Option<(u64, Hash)> {
    let mut slot = Rest(bytes);
    let start = slot.take(16).ok()?;
    let _sequence = slot.number(8).ok()?;
    let (size, root, _log) = (slot.number(8).ok()?, slot.hash().ok()?, slot.hash().ok()?);
    let length = slot.length(4).ok()?;
    slot.take(length).ok()?;
    let crc = slot.number(4).ok()?;
    let whole =
        start == b"CUSTSLOT\0\x01\0\0\0\0\0\0" && crc == u64::from(crc32c(bytes.get(..100 + length)?));
    whole.then_some((size, root))
}

/// CRC32C (Castagnoli), a bit at a time but for a table of one byte.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0_u32;
        while byte < 256 {
            let mut crc = byte;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
                bit += 1;
            }
            table[byte as usize] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc: u32, byte| crc >> 8 ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc32c() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
