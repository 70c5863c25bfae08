//! The words that a user reads, held in goldens: one line for each variant of an error.

use std::fmt::{Display, Write as _};
use std::path::Path;

/// Returns each variant of an error with its name, written as in the declaration of the enum. A variant that is not
/// listed does not compile: whoever adds one sees here what the user will read.
#[macro_export]
macro_rules! every {
    ($error:ty { $($variant:ident $(($($inside:tt)*))? $({ $($field:tt)* })?),+ $(,)? }) => {{
        type Listed = $error;
        #[allow(unreachable_patterns, reason = "a variant may be listed with several values")]
        let name = |error: &Listed| match error { $(Listed::$variant { .. } => stringify!($variant)),+ };
        let listed: Vec<Listed> = vec![$(Listed::$variant $(($($inside)*))? $({ $($field)* })?),+];
        listed.into_iter().map(|error| (name(&error), error)).collect::<Vec<(&'static str, Listed)>>()
    }};
}

/// Returns what the variants of an error say, below the name of the error.
#[must_use]
pub fn lines<E: Display>(title: &str, listed: &[(&str, E)]) -> String {
    let mut text = format!("# {title}\n");
    for (variant, error) in listed {
        writeln!(text, "{variant}: {error}").expect("a text takes every line");
    }
    text.push('\n');
    text
}

/// Compares what was found with the golden; with `CUSTODY_GOLDENS=write` in the environment it writes it first.
///
/// # Panics
///
/// When they differ.
pub fn hold(golden: &Path, found: &str) {
    if std::env::var_os("CUSTODY_GOLDENS").is_some_and(|mode| mode == "write") {
        std::fs::write(golden, found).expect("a golden can be written");
    }
    let expected = std::fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(found, expected, "the golden is {}", golden.display());
}
