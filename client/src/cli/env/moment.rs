//! An environment at a moment, as it is typed: `prod`, `prod@{2026-11-20T14:00Z}`, `prod#5`, `prod~1`.

use std::fmt;

use custody_client::ledger::Environment;
use custody_evidence::environment::{From, Until, Window};
use custody_evidence::predicate::Name;

use crate::cli::clock::Clock;
use crate::cli::times::{self, When};

/// An environment at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) environment: Name,
    typed: String,
    at: Option<When>,
    change: Change,
}

/// Which change a moment follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// The last one.
    Last,
    /// The one with this number, from 1.
    Number(usize),
    /// The one so many before the last.
    Back(usize),
}

/// Reads an environment with or without a moment.
pub(crate) fn parse(text: &str) -> Result<Moment, String> {
    let (rest, change) = split_change(text)?;
    let (name, at) = match rest.strip_suffix('}').and_then(|rest| rest.rsplit_once("@{")) {
        Some((name, time)) => (name, Some(times::time(time)?)),
        None => (rest, None),
    };
    if at.is_some() && matches!(change, Change::Number(_)) {
        return Err("a change has its time already: give #N or @{TIME}, not both".to_owned());
    }
    let environment = name.parse::<Name>().map_err(|error| error.to_string())?;
    Ok(Moment { environment, typed: text.to_owned(), at, change })
}

/// Takes `#N`, `~N` or `~` from the end.
fn split_change(text: &str) -> Result<(&str, Change), String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = text.get(digits.len()..).unwrap_or_default();
    let count = || number.parse::<usize>().map_err(|_| format!("expected a number, found {number:?}"));
    if let Some(rest) = digits.strip_suffix('~') {
        return Ok((rest, Change::Back(if number.is_empty() { 1 } else { count()? })));
    }
    match digits.strip_suffix('#') {
        Some(rest) if !number.is_empty() => match count()? {
            0 => Err("changes are counted from 1".to_owned()),
            count => Ok((rest, Change::Number(count))),
        },
        Some(_) | None => Ok((text, Change::Last)),
    }
}

impl Moment {
    /// Returns the stretch of time that must be known.
    pub(super) fn window(&self, clock: Clock) -> Window {
        let from = match self.change {
            Change::Last => From::End,
            Change::Number(_) => From::First,
            Change::Back(steps) => From::Steps(steps),
        };
        Window { from, until: self.at.map(|when| when.before(clock)) }
    }

    /// Returns how much is to be replayed; none if there are not so many changes.
    pub(super) fn until(&self, environment: &Environment, window: Window) -> Option<Until> {
        let steps = || environment.timeline.replay(window.end()).steps.len();
        match self.change {
            Change::Last | Change::Back(0) => Some(window.end()),
            Change::Number(number) => (number <= steps()).then_some(Until::Steps(number)),
            Change::Back(back) => steps().checked_sub(back).map(Until::Steps),
        }
    }

    /// Whether it is a moment of its own, or today's.
    pub(super) fn is_now(&self) -> bool {
        self.at.is_none() && matches!(self.change, Change::Last | Change::Back(0))
    }
}

/// Writes it as it was typed.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, bool, Change) {
        let moment = parse(text).unwrap();
        (moment.environment.to_string(), moment.at.is_some(), moment.change)
    }

    #[test]
    fn an_environment_has_a_time_a_number_or_steps_back() {
        let name = |text: &str| text.to_owned();
        assert_eq!(read("prod"), (name("prod"), false, Change::Last));
        assert_eq!(read("prod/eu-1"), (name("prod/eu-1"), false, Change::Last));
        assert_eq!(read("prod@{2026-11-20T14:00:00Z}"), (name("prod"), true, Change::Last));
        assert_eq!(read("prod@{2026-11-20T14:00}"), (name("prod"), true, Change::Last));
        assert_eq!(read("prod@{2026-11-20T14:00Z}"), (name("prod"), true, Change::Last));
        assert_eq!(read("prod@{2.hours.ago}~2"), (name("prod"), true, Change::Back(2)));
        assert_eq!(read("prod#5"), (name("prod"), false, Change::Number(5)));
        assert_eq!(read("prod~"), (name("prod"), false, Change::Back(1)));
        assert_eq!(read("prod2~0"), (name("prod2"), false, Change::Back(0)));
        assert_eq!(read("team#prod"), (name("team#prod"), false, Change::Last));
        assert_eq!(read("prod#"), (name("prod#"), false, Change::Last));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "#5",
            "~1",
            "prod#0",
            "prod@{}",
            "prod@{soon}",
            "prod@{2h}#3",
            "@{2h}",
            "prod#99999999999999999999",
        ] {
            parse(text).unwrap_err();
        }
    }
}
