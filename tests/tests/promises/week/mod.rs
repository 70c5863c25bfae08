//! The week of the moved tag: what a responder asks of a company's log, and exactly what is true of the company.
//!
//! `CUSTODY_TEST_SEED` repeats a company, and `CUSTODY_TEST_RUNS=20000` makes a large one, of which docs/benchmarks.md tells how long each
//! question took. That is the time of its commands; that of what is true of the company is not in it.

mod asked;
mod evidence;
mod incident;
mod questions;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use custody_tests::company::{Size, World};
use custody_tests::dice::{Dice, number_from};

use self::asked::Asked;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the log of the server that is asked goes by the clock of this machine"
)]
fn the_questions_of_an_incident_are_answered_exactly() {
    let runs = number_from("CUSTODY_TEST_RUNS").unwrap_or(Size::SMALL.runs);
    let size =
        if runs > Size::SMALL.runs { Size { runs, ..Size::WHOLE } } else { Size { runs, ..Size::SMALL } };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let world = World::new(&mut Dice::seeded(), size, i64::try_from(now).expect("a time"));
    let asked = Asked::recorded(&world);
    println!("{} entries", asked.indexes.len());
    for (name, question) in questions::ALL.iter().chain(evidence::ALL).chain(incident::ALL) {
        println!("{name}");
        asked.user.took();
        question(&world, &asked);
        let took = asked.user.took();
        let (all, longest) = (took.iter().sum::<Duration>(), took.iter().max().copied().unwrap_or_default());
        let (commands, all, longest) = (took.len(), all.as_secs_f64(), longest.as_secs_f64());
        println!("  {commands} commands in {all:.1} s, the longest {longest:.1} s");
    }
}
