//! What was measured, and its percentiles.

use std::time::Duration;

/// The answers of one turn: when each came, after how long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    latencies: Vec<Duration>,
}

impl Sample {
    pub(crate) fn new(took: Duration, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { took, latencies }
    }

    /// Returns all turns as one.
    pub(crate) fn pooled(turns: &[Self]) -> Self {
        let took = turns.iter().map(|turn| turn.took).sum();
        Self::new(took, turns.iter().flat_map(|turn| turn.latencies.iter().copied()).collect())
    }

    pub(crate) fn answers(&self) -> usize {
        self.latencies.len()
    }

    /// Returns answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Returns the latency, in milliseconds, that this part of all answers is not above.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let last = self.answers().saturating_sub(1);
        let at = (self.answers() as f64 * part).ceil() as usize;
        let latency = self.latencies.get(at.saturating_sub(1).min(last)).copied().unwrap_or_default();
        latency.as_secs_f64() * 1e3
    }
}

/// Returns the middle one of some figures.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_unstable_by(f64::total_cmp);
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[count / 2],
        count => f64::midpoint(figures[count / 2 - 1], figures[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(milliseconds: impl IntoIterator<Item = u64>) -> Sample {
        Sample::new(Duration::from_secs(2), milliseconds.into_iter().map(Duration::from_millis).collect())
    }

    #[test]
    fn percentiles_are_answers_that_were_given() {
        let hundred = sample((1..=100).rev());
        assert!((hundred.percentile(0.5) - 50.0).abs() < 1e-9);
        assert!((hundred.percentile(0.99) - 99.0).abs() < 1e-9);
        assert!((hundred.percentile(1.0) - 100.0).abs() < 1e-9);
        assert!((sample([7]).percentile(0.5) - 7.0).abs() < 1e-9);
        assert!((hundred.rate() - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_turn_without_answers_has_no_rate() {
        assert!(sample([]).rate().abs() < 1e-9);
        assert!(sample([]).percentile(0.99).abs() < 1e-9);
    }

    #[test]
    fn turns_are_pooled_and_the_middle_one_counts() {
        let pooled = Sample::pooled(&[sample([1, 3]), sample([2])]);
        assert_eq!(pooled.answers(), 3);
        assert_eq!(pooled.took, Duration::from_secs(4));
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).is_nan());
    }
}
