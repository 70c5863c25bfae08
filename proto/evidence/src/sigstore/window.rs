//! When something may be believed: `TimeRange` of `sigstore_common.proto`.

use custody_log::{Timestamp, TimestampError};
use serde::Deserialize;

/// The times at which something may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// At all times: for keys that a person vouches for without a window.
    Always,
    /// From a start to an end, both inclusive; without an end for ever.
    From {
        /// The first time.
        start: Timestamp,
        /// The last time.
        end: Option<Timestamp>,
    },
    /// At no time: the window has no start.
    Never,
}

/// The window as JSON has it. The start is required; who leaves it out says nothing about the past.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct WindowJson {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
}

impl Window {
    pub(crate) fn read(json: Option<&WindowJson>) -> Result<Self, TimestampError> {
        let read = |text: &Option<String>| text.as_deref().map(Timestamp::parse_rfc3339).transpose();
        let Some(json) = json else { return Ok(Self::Never) };
        let (start, end) = (read(&json.start)?, read(&json.end)?);
        Ok(start.map_or(Self::Never, |start| Self::From { start, end }))
    }

    /// Whether the time is in the window; its two ends are.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::From { start, end } => *start <= time && end.is_none_or(|end| time <= end),
            Self::Never => false,
        }
    }
}

/// Writes `<start> to <end>`.
impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Never => f.write_str("never (it has no start)"),
            Self::From { start, end: None } => write!(f, "from {start}"),
            Self::From { start, end: Some(end) } => write!(f, "{start} to {end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: Option<&str>, end: Option<&str>) -> Window {
        let json = WindowJson { start: start.map(Into::into), end: end.map(Into::into) };
        Window::read(Some(&json)).unwrap()
    }

    #[test]
    fn both_ends_are_inside_and_without_a_start_nothing_is() {
        let time = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let year = window(Some("2022-01-01T00:00:00Z"), Some("2022-12-31T23:59:59.999Z"));
        for (text, inside) in [
            ("2022-01-01T00:00:00Z", true),
            ("2021-12-31T23:59:59.999999Z", false),
            ("2022-12-31T23:59:59.999Z", true),
            ("2022-12-31T23:59:59.999001Z", false),
        ] {
            assert_eq!(year.contains(time(text)), inside, "{text}");
        }
        assert!(window(Some("2022-01-01T00:00:00Z"), None).contains(time("2999-01-01T00:00:00Z")));
        assert!(!window(None, None).contains(time("2022-06-01T00:00:00Z")));
        assert!(!window(None, Some("2999-01-01T00:00:00Z")).contains(time("2022-06-01T00:00:00Z")));
        assert!(!Window::read(None).unwrap().contains(time("2022-06-01T00:00:00Z")));
        assert!(Window::Always.contains(time("1970-01-01T00:00:00Z")));
    }
}
