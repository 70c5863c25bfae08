//! A statement that somebody else made and nobody signed, such as `BuildKit`'s beside an image.

use custody_evidence::statement::Statement;
use custody_evidence::trust::is_administrative;

use super::{Made, MakeError};

/// Takes a statement as it stands, without the white space around it: these bytes are what is signed.
///
/// Whoever signs it says that it is so, and did not see it come about: a writer rule with the authority `relayed` is for that.
/// Statements that administer the ledger are for its roles, and never relayed.
pub fn relayed(bytes: &[u8]) -> Result<Made, MakeError> {
    let payload = bytes.trim_ascii();
    let statement = Statement::parse(payload)?;
    let predicate_type = statement.predicate_type();
    if is_administrative(predicate_type) {
        return Err(MakeError::Administrative { predicate_type: predicate_type.to_owned() });
    }
    if statement.subjects().is_empty() {
        return Err(MakeError::NoSubject);
    }
    Ok(Made { predicate_type: predicate_type.to_owned(), payload: payload.to_vec() })
}
