//! [`Window`]: which stretch of time is asked about.

use custody_log::Timestamp;

use super::timeline::{Step, Until};

/// What is asked about an environment: what ran at the start of a stretch of time, and all that changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// Where the stretch starts.
    pub from: From,
    /// Where it ends, inclusive; none: at the newest record.
    pub until: Option<Timestamp>,
}

/// Where a stretch of time starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum From {
    /// At its end: only what runs then is asked for.
    #[default]
    End,
    /// Before what happened at this time.
    Time(Timestamp),
    /// So many steps before its end.
    Steps(usize),
    /// With the first record.
    First,
}

impl Window {
    /// How much of a timeline it covers.
    #[must_use]
    pub fn end(&self) -> Until {
        self.until.map_or(Until::Newest, Until::Time)
    }

    /// Returns how many of the steps up to its end come before it.
    pub(super) fn start(&self, steps: &[Step]) -> usize {
        match self.from {
            From::End => steps.len(),
            From::Time(time) => steps.partition_point(|step| step.time < time),
            From::Steps(count) => steps.len().saturating_sub(count),
            From::First => 0,
        }
    }

    /// Returns those of its steps before which it is asked what ran: the first one, or each where they are counted.
    pub(super) fn asked<'a>(&self, steps: &'a [Step]) -> &'a [Step] {
        let count = if self.from == From::First { steps.len() } else { 1 };
        steps.get(..count).unwrap_or(steps)
    }
}
