//! Parts of a document, in the two ways in which it is gone through.
//!
//! Nearly all documents are well made, and one pass reads them whole. Where a part has another shape than its format says, that pass ends;
//! a second one takes the parts as text, and each that cannot be read costs itself alone.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A part that is a `T`, or text that is to be read as one.
pub(super) trait Element<'a, T> {
    /// Returns the part, or why it is none.
    fn read(self) -> Result<T, serde_json::Error>;
}

/// A part that was read on the way.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Read<T>(T);

impl<T> Element<'_, T> for Read<T> {
    fn read(self) -> Result<T, serde_json::Error> {
        Ok(self.0)
    }
}

impl<'a, T: Deserialize<'a>> Element<'a, T> for &'a RawValue {
    fn read(self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }
}
