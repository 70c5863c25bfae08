//! The wire format of SSH (RFC 4251 section 5): lengths of four bytes, strings, numbers.

/// Bytes that end before what they should hold, or hold more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut;

/// Reads one thing after the other.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Cut> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Cut> {
        self.take(1)?.first().copied().ok_or(Cut)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Cut> {
        let bytes = self.take(4)?.try_into().map_err(|_| Cut)?;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(super) fn string(&mut self) -> Result<&'a [u8], Cut> {
        let length = usize::try_from(self.u32()?).map_err(|_| Cut)?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Cut> {
        std::str::from_utf8(self.string()?).map_err(|_| Cut)
    }

    /// Reads a number that is not negative: its bytes without the zero that keeps it from being so.
    pub(super) fn number(&mut self) -> Result<&'a [u8], Cut> {
        match self.string()? {
            [] | [0] => Err(Cut),
            // More zeros than needed would be another encoding of the same number.
            [0, second, ..] if *second < 0x80 => Err(Cut),
            [0, rest @ ..] => Ok(rest),
            [first, ..] if *first >= 0x80 => Err(Cut),
            bytes => Ok(bytes),
        }
    }

    pub(super) const fn end(&self) -> Result<(), Cut> {
        if self.0.is_empty() { Ok(()) } else { Err(Cut) }
    }
}

/// Appends a string with its length. What is written here is a digest, a name or shorter.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}
