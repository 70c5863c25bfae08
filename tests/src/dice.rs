//! Chance that can be repeated.

use std::env;
use std::str::FromStr;

/// The environment variable that sets the seed.
pub const SEED: &str = "CUSTODY_TEST_SEED";

/// xorshift64*: small, and repeats from the seed that is printed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Returns dice with the seed in `CUSTODY_TEST_SEED`, else with another one for each process; prints it.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a test that fails is repeated from what it printed")]
    pub fn seeded() -> Self {
        let seed = number_from(SEED).unwrap_or_else(|| u64::from(std::process::id()) << 20 | 0x5eed);
        println!("seed {seed} ({SEED}={seed} repeats it)");
        Self::of(seed)
    }

    /// Returns dice that roll the same for the same seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number below `sides`.
    ///
    /// # Panics
    ///
    /// When there are no sides.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).expect("31 bits fit") % sides
    }
}

/// Returns the number in an environment variable; none if it is not set.
///
/// # Panics
///
/// When it is set to something else.
#[must_use]
pub fn number_from<N: FromStr>(variable: &str) -> Option<N> {
    let text = env::var_os(variable)?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{variable} is no number: {}", text.display())))
}
