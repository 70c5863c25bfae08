//! Base64 and hex in lines of one length, as `base64`, MIME (RFC 2045 section 6.8) and PEM write them: the lines are one text, and
//! a token may stand in two of them.

use super::{OVERLAP, PIECE, SHORTEST, base64_bytes, encoded, hex_bytes, readable, run};

/// A text in lines.
pub(super) struct Lines<'a> {
    /// From the first line to the last; between two of them is the end of a line, and what the next one is indented by.
    text: &'a [u8],
}

impl<'a> Lines<'a> {
    /// Takes the lines that a text starts with: each is as long as the first, a multiple of four, and the last may be shorter.
    /// None if there is only one.
    pub(super) fn starting(text: &'a [u8], first: &[u8]) -> Option<Self> {
        let length = first.len();
        if !length.is_multiple_of(4) {
            return None;
        }
        let mut end = length;
        while let Some(start) = next_line(text, end) {
            // One byte more tells a longer line, which is of another text.
            let rest = text.get(start..).unwrap_or_default();
            let line = run(rest.get(..=length).unwrap_or(rest));
            if line == 0 || line > length {
                break;
            }
            end = start + line;
            if line < length {
                break;
            }
        }
        (end > length).then_some(Self { text: text.get(..end)? })
    }

    /// Returns where they end.
    pub(super) const fn end(&self) -> usize {
        self.text.len()
    }

    /// Decodes them as one text. Returns false if it was ended early.
    pub(super) fn decoded(&self, found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let characters = || self.text.iter().copied().filter(|byte| encoded(*byte));
        let hex = characters().all(|byte| byte.is_ascii_hexdigit());
        let mut take =
            |piece: &[u8]| readable(&if hex { hex_bytes(piece) } else { base64_bytes(piece) }, found);
        let mut piece = Vec::with_capacity(PIECE);
        for character in characters() {
            if piece.len() == PIECE {
                if !take(&piece) {
                    return false;
                }
                piece.drain(..PIECE - OVERLAP);
            }
            piece.push(character);
        }
        take(&piece)
    }
}

/// Returns where the next line starts, if a line ends here.
fn next_line(text: &[u8], end: usize) -> Option<usize> {
    let rest = text.get(end..)?;
    let ended = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    let indent = ended.iter().take(SHORTEST).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    Some(text.len() - ended.len() + indent)
}
