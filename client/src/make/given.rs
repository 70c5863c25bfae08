//! A predicate that somebody else made: embedded byte by byte.

use custody_evidence::json;

use super::{Made, MakeError, Subject, statement};

/// Makes a statement around a predicate. The bytes are embedded as they are, without white space and a byte order mark around them,
/// so the digest of the file so trimmed finds the statement.
pub fn given(predicate_type: &str, predicate: &[u8], subjects: &[Subject]) -> Result<Made, MakeError> {
    let predicate = json::without_mark(predicate);
    // Checked alone first: so the error names the place in the file and not in the statement.
    json::check(predicate)?;
    statement(predicate_type, subjects, predicate)
}
