//! The errors of what travels: fields of messages.

use custody_log::PositionError;
use custody_tests::every;
use custody_tests::words::lines;
use custody_wire::convert::FieldError;

#[test]
fn every_error_of_a_field_has_its_words() {
    let field = every!(FieldError {
        Missing { field: "checkpoint" },
        HashLength { field: "root", found: 31 },
        Position { field: "size", source: PositionError::TooLarge { found: u64::MAX } },
        Word { field: "kind", found: "found".to_owned() },
        TooMany { field: "conditions", max: 16, found: 17 },
    });
    super::hold("wire", &lines("FieldError", &field));
}
