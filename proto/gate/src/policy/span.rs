//! Spans of time as policies write them: `30d`, `12h`.

use custody_log::Timestamp;

/// A span of time: whole seconds, at least one, at most a hundred years.
///
/// Written as a number and `s`, `m`, `h`, `d` or `w`. A day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    seconds: u32,
}

/// A hundred years of 365 days.
const SECONDS_MAX: u64 = 100 * 365 * 86_400;

const UNITS: [(char, u64); 5] = [('w', 7 * 86_400), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl Span {
    /// Reads the text; none if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().last()?;
        let (_, seconds) = UNITS.into_iter().find(|(letter, _)| *letter == unit)?;
        let digits = text.strip_suffix(unit)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let total = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
        let fits = (1..=SECONDS_MAX).contains(&total);
        fits.then_some(())?;
        u32::try_from(total).ok().map(|seconds| Self { seconds })
    }

    /// Returns the span of so many hours.
    pub(crate) const fn hours(hours: u16) -> Self {
        Self { seconds: 3600 * widened(hours) }
    }

    /// Returns the time so much earlier.
    pub(crate) fn before(self, time: Timestamp) -> Timestamp {
        time.plus_micros(-i64::from(self.seconds) * 1_000_000)
    }

    /// Returns the time so much later.
    pub(crate) fn after(self, time: Timestamp) -> Timestamp {
        time.plus_micros(i64::from(self.seconds) * 1_000_000)
    }
}

#[expect(clippy::as_conversions, reason = "a wider number, in a constant")]
const fn widened(number: u16) -> u32 {
    number as u32
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = u64::from(self.seconds);
        let largest = UNITS.into_iter().find(|(unit, size)| *unit != 'w' && seconds.is_multiple_of(*size));
        let (unit, size) = largest.unwrap_or(('s', 1));
        write!(f, "{}{unit}", seconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn spans_are_read_and_written() {
        for (text, written) in [
            ("30d", "30d"),
            ("1w", "7d"),
            ("90m", "90m"),
            ("24h", "1d"),
            ("45s", "45s"),
            ("36500d", "36500d"),
        ] {
            assert_eq!(Span::parse(text).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "d",
            "0d",
            "-1d",
            "+1d",
            "1.5d",
            "30",
            "30 d",
            "1y",
            "36501d",
            "99999999999999999999d",
            "1d2h",
        ] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
