//! The functions that there are.

/// A function: CEL's, or one of the gate's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Text in text.
    Contains,
    /// To a double.
    Double,
    /// A span of time.
    Duration,
    /// Text at the end.
    EndsWith,
    /// To a whole number.
    Int,
    /// The attestation of a type that the log learned of last.
    Latest,
    /// The attestations of a type.
    Of,
    /// Whether a package URL is in a range.
    PurlMatches,
    /// Characters, elements, members.
    Size,
    /// Text at the start.
    StartsWith,
    /// To text.
    String,
    /// A time.
    Timestamp,
}

impl Function {
    /// Returns the function that is called on something, with so many arguments besides.
    pub(super) fn method(name: &str, arguments: usize) -> Option<Self> {
        Some(match (name, arguments) {
            ("contains", 1) => Self::Contains,
            ("endsWith", 1) => Self::EndsWith,
            ("latest", 1) => Self::Latest,
            ("of", 1) => Self::Of,
            ("size", 0) => Self::Size,
            ("startsWith", 1) => Self::StartsWith,
            _ => return None,
        })
    }

    /// Returns the function that is called by its name alone, with so many arguments.
    pub(super) fn global(name: &str, arguments: usize) -> Option<Self> {
        Some(match (name, arguments) {
            ("double", 1) => Self::Double,
            ("duration", 1) => Self::Duration,
            ("int", 1) => Self::Int,
            ("purl_matches", 2) => Self::PurlMatches,
            ("size", 1) => Self::Size,
            ("string", 1) => Self::String,
            ("timestamp", 1) => Self::Timestamp,
            _ => return None,
        })
    }
}
