//! Sizes and times as users write them: RFC 3339, or relative to now, as git takes them.
//!
//! `2h`, `1d12h`, `3.days.ago`, `2 weeks ago`, `yesterday`, `last.month`, `2026-11-22`, `2026-11-22T20:31`. A relative time is read when
//! the command line is, and becomes a time when the clock is at hand. Days, months and years are those of the calendar in UTC, and a
//! time of the day that names no zone is in UTC too: the answer is the same wherever it is asked for.

use custody_client::ledger::{At, Moment};
use custody_log::{LeafIndex, Timestamp, TreeSize};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp as Instant};

use super::clock::Clock;

/// A time that may be relative.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// This time.
    At(Timestamp),
    /// So long before now.
    Ago(Span),
    /// So long: before now, or after now where a time to come is asked for.
    Bare(Span),
}

/// A tree size or a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Point {
    /// This size.
    Size(TreeSize),
    /// This time.
    When(When),
}

/// An entry or a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// This entry.
    Index(LeafIndex),
    /// This time.
    When(When),
}

impl When {
    /// Returns the time, in the past if it is relative.
    pub(crate) fn before(self, clock: Clock) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(span) | Self::Bare(span) => moved(clock.now(), span.negate()),
        }
    }

    /// Returns the time, in the future if it is a bare duration: for what holds until then.
    pub(crate) fn ahead(self, clock: Clock) -> Timestamp {
        self.behind(clock.now(), clock)
    }

    /// Returns the time, a bare duration behind another one: for what holds from then until so much later.
    pub(crate) fn behind(self, start: Timestamp, clock: Clock) -> Timestamp {
        match self {
            Self::Bare(span) => moved(start, span),
            Self::At(_) | Self::Ago(_) => self.before(clock),
        }
    }
}

impl Point {
    /// Returns the size or the time.
    pub(crate) fn at(self, clock: Clock) -> At {
        match self {
            Self::Size(size) => At::Size(size),
            Self::When(when) => At::Time(when.before(clock)),
        }
    }
}

impl Bound {
    /// Returns the entry or the time.
    pub(crate) fn moment(self, clock: Clock) -> Moment {
        match self {
            Self::Index(index) => Moment::Index(index),
            Self::When(when) => Moment::Time(when.before(clock)),
        }
    }
}

/// Reads `--at`: a tree size or a time.
pub(crate) fn at(text: &str) -> Result<Point, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let size: TreeSize = text.parse().map_err(|error| format!("{error}"))?;
        return if size == TreeSize::ZERO {
            Err("the tree of size 0 is empty".to_owned())
        } else {
            Ok(Point::Size(size))
        };
    }
    time(text).map(Point::When)
}

/// Reads `--recorded-since` and `--recorded-until`: `index:N` or a time.
pub(crate) fn moment(text: &str) -> Result<Bound, String> {
    match text.strip_prefix("index:") {
        Some(index) => index.parse::<LeafIndex>().map(Bound::Index).map_err(|error| format!("{error}")),
        None => time(text).map(Bound::When),
    }
}

/// Reads a time.
pub(crate) fn time(text: &str) -> Result<When, String> {
    if let Ok(time) = Timestamp::parse_rfc3339(text) {
        return Ok(When::At(time));
    }
    if let Some(start) = day(text).or_else(|| minute(text)) {
        return Ok(When::At(start));
    }
    relative(&text.to_ascii_lowercase()).ok_or_else(|| format!("expected a time like {}", example(text)))
}

/// Reads a day, which stands for its beginning in UTC.
fn day(text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == "2026-11-22".len())?;
    let start = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_micros(start.as_microsecond()).ok()
}

/// Reads a day with a time, without a zone: `2026-11-22T20:31`, with or without seconds, with a blank for the `T`.
fn minute(text: &str) -> Option<Timestamp> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 't' | ' ');
    if !text.contains(':') || !text.chars().all(plain) {
        return None;
    }
    let time: jiff::civil::DateTime = text.parse().ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_micros(time.as_microsecond()).ok()
}

fn relative(text: &str) -> Option<When> {
    let words: Vec<&str> = text.split(['.', ' ', '_']).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["now"] => Some(When::Bare(Span::new())),
        ["yesterday"] => Some(When::Ago(Span::new().try_days(1).ok()?)),
        ["last", unit] => Some(When::Ago(add(Span::new(), 1, unit)?)),
        [counted @ .., "ago"] if !counted.is_empty() => Some(When::Ago(sum(counted)?)),
        [] => None,
        counted => Some(When::Bare(sum(counted)?)),
    }
}

/// Adds up `3 days`, `2h`, `1d12h`, in any mixture.
fn sum(words: &[&str]) -> Option<Span> {
    let (mut span, mut words) = (Span::new(), words.iter());
    while let Some(word) = words.next() {
        if let Some(count) = number(word) {
            span = add(span, count, words.next()?)?;
            continue;
        }
        let mut rest = *word;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (count, after) = rest.split_at(digits);
            let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(unit);
            span = add(span, count.parse().ok()?, unit)?;
            rest = after;
        }
    }
    Some(span)
}

/// Reads a number, or one of the words that git reads.
fn number(word: &str) -> Option<i64> {
    const WORDS: [&str; 11] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let named = WORDS.iter().position(|name| *name == word).and_then(|count| i64::try_from(count).ok());
    named.or_else(|| word.parse().ok().filter(|_| word.bytes().all(|b| b.is_ascii_digit())))
}

fn add(span: Span, count: i64, unit: &str) -> Option<Span> {
    let with = |have: i64| have.checked_add(count);
    match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => span.try_seconds(with(span.get_seconds())?),
        "m" | "min" | "mins" | "minute" | "minutes" => span.try_minutes(with(span.get_minutes())?),
        "h" | "hour" | "hours" => span.try_hours(with(span.get_hours().into())?),
        "d" | "day" | "days" => span.try_days(with(span.get_days().into())?),
        "w" | "week" | "weeks" => span.try_weeks(with(span.get_weeks().into())?),
        "month" | "months" => span.try_months(with(span.get_months().into())?),
        "y" | "year" | "years" => span.try_years(with(span.get_years().into())?),
        _ => return None,
    }
    .ok()
}

/// Moves a time along the calendar in UTC; what lies before 1970 or after 9999 is the first or last time there is.
fn moved(now: Timestamp, span: Span) -> Timestamp {
    let moved = Instant::from_microsecond(now.as_micros())
        .ok()
        .and_then(|instant| instant.to_zoned(TimeZone::UTC).checked_add(span).ok())
        .and_then(|zoned| Timestamp::from_micros(zoned.timestamp().as_microsecond()).ok());
    let edge = if span.is_negative() { i64::MIN } else { i64::MAX };
    moved.unwrap_or_else(|| now.plus_micros(edge))
}

/// Returns the example that is nearest to what was written.
fn example(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let found: String = text.chars().take(40).collect();
    let digits = lower.bytes().filter(u8::is_ascii_digit).count();
    let nearest = if lower.contains("ago") || lower.contains(['.', ' ', '_']) && digits < 4 {
        "3.days.ago"
    } else if digits >= 4 {
        "2026-11-22T20:31:24Z"
    } else if digits > 0 {
        "2h"
    } else {
        "yesterday"
    };
    format!("{nearest}, found {found:?} (RFC 3339, or 2h, 3.days.ago, yesterday, last.week)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::standing(|| "2026-03-31T12:00:00.000000Z".parse().unwrap())
    }

    fn before(text: &str) -> String {
        time(text).unwrap_or_else(|error| panic!("{text}: {error}")).before(clock()).to_string()
    }

    #[test]
    fn reads_sizes_and_times() {
        assert!(matches!(at("1043"), Ok(Point::Size(size)) if size.get() == 1043));
        assert!(matches!(at("2026-11-22T20:31:24Z"), Ok(Point::When(When::At(_)))));
        assert!(matches!(at("2h"), Ok(Point::When(When::Bare(_)))));
        assert!(matches!(moment("index:7"), Ok(Bound::Index(index)) if index.get() == 7));
        assert!(matches!(moment("2026-11-22T20:31:24+01:00"), Ok(Bound::When(When::At(_)))));
        assert!(matches!(moment("yesterday"), Ok(Bound::When(When::Ago(_)))));
    }

    #[test]
    fn reads_what_git_reads() {
        for (text, expected) in [
            ("now", "2026-03-31T12:00:00.000000Z"),
            ("2h", "2026-03-31T10:00:00.000000Z"),
            ("90m", "2026-03-31T10:30:00.000000Z"),
            ("90s ago", "2026-03-31T11:58:30.000000Z"),
            ("1d12h", "2026-03-30T00:00:00.000000Z"),
            ("3.days.ago", "2026-03-28T12:00:00.000000Z"),
            ("3 days ago", "2026-03-28T12:00:00.000000Z"),
            ("three.days.ago", "2026-03-28T12:00:00.000000Z"),
            ("3.days", "2026-03-28T12:00:00.000000Z"),
            ("1.Day.2.Hours.ago", "2026-03-30T10:00:00.000000Z"),
            ("2w", "2026-03-17T12:00:00.000000Z"),
            ("yesterday", "2026-03-30T12:00:00.000000Z"),
            ("last.week", "2026-03-24T12:00:00.000000Z"),
            // The last day of a shorter month.
            ("1.month.ago", "2026-02-28T12:00:00.000000Z"),
            ("last year", "2025-03-31T12:00:00.000000Z"),
            ("2026-03-01", "2026-03-01T00:00:00.000000Z"),
            ("2026-03-01T08:00:00+02:00", "2026-03-01T06:00:00.000000Z"),
            ("2026-03-01T08:00", "2026-03-01T08:00:00.000000Z"),
            ("2026-03-01T08:00Z", "2026-03-01T08:00:00.000000Z"),
            ("2026-03-01T08:00+02:00", "2026-03-01T06:00:00.000000Z"),
            ("2026-03-01 08:00:01.5", "2026-03-01T08:00:01.500000Z"),
            ("100.years.ago", "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(before(text), expected, "{text}");
        }
    }

    #[test]
    fn what_holds_until_then_is_counted_forward() {
        let ahead = |text: &str| time(text).unwrap().ahead(clock()).to_string();
        assert_eq!(ahead("30d"), "2026-04-30T12:00:00.000000Z");
        assert_eq!(ahead("1.month"), "2026-04-30T12:00:00.000000Z");
        assert_eq!(ahead("1.day.ago"), "2026-03-30T12:00:00.000000Z");
        assert_eq!(ahead("2027-01-01T00:00:00Z"), "2027-01-01T00:00:00.000000Z");
    }

    #[test]
    fn refuses_and_names_the_nearest_example() {
        assert_eq!(at("0").unwrap_err(), "the tree of size 0 is empty");
        for (text, nearest) in [
            ("tomorrowish", "yesterday"),
            ("", "yesterday"),
            ("3.dayz.ago", "3.days.ago"),
            ("ago", "3.days.ago"),
            ("3..", "3.days.ago"),
            ("2x", "2h"),
            ("h2", "2h"),
            ("-2h", "2h"),
            ("99999999999999999999h", "2026-11-22T20:31:24Z"),
            ("2026-13-01", "2026-11-22T20:31:24Z"),
            ("2026-11-22T25:31", "2026-11-22T20:31:24Z"),
            ("2026-11-22T20:31[Europe/Berlin]", "2026-11-22T20:31:24Z"),
        ] {
            let said = time(text).unwrap_err();
            assert!(said.starts_with(&format!("expected a time like {nearest}, found")), "{text}: {said}");
        }
        assert!(moment("index:-1").is_err());
    }
}
