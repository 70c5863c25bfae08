//! The long run: libFuzzer chooses inputs by the code they reach, and by our changes. `tests/fuzz/long` builds and
//! starts it.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use custody_fuzz::corpus::Corpus;
use custody_fuzz::mutate::Mutator;
use custody_fuzz::random::Random;
use custody_fuzz::run::regressions;
use custody_fuzz::targets::{Target, all};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

struct Chosen {
    target: Target,
    pool: Vec<Vec<u8>>,
}

/// The target that `CUSTODY_FUZZ_TARGET` names.
fn chosen() -> &'static Chosen {
    static CHOSEN: OnceLock<Chosen> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var_os("CUSTODY_FUZZ_TARGET").expect("CUSTODY_FUZZ_TARGET names a target");
        let target = all().into_iter().find(|target| target.name == name).expect("a target has this name");
        let mut pool = (target.seeds)(&Corpus::find());
        pool.extend(regressions(target.name));
        pool.retain(|seed| seed.len() <= target.max);
        Chosen { target, pool }
    })
}

/// Writes the seeds to the folder that `CUSTODY_FUZZ_SEEDS` names, before libFuzzer reads it.
fn write_seeds() {
    let folder =
        PathBuf::from(std::env::var_os("CUSTODY_FUZZ_SEEDS").expect("CUSTODY_FUZZ_SEEDS names a folder"));
    for (number, seed) in chosen().pool.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed).expect("a seed can be written");
    }
}

fuzz_target!(
    init: write_seeds(),
    |input: &[u8]| {
        let _outcome = (chosen().target.run)(input);
    }
);

fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
    let mut random = Random::new(u64::from(seed));
    if random.below(2) == 0 {
        return fuzzer_mutate(data, size, max);
    }
    let Chosen { target, pool } = chosen();
    let mutator = Mutator { pool, words: target.words, max };
    let changed = mutator.mutate(data.get(..size).unwrap_or_default(), &mut random);
    for (byte, new) in data.iter_mut().zip(&changed) {
        *byte = *new;
    }
    changed.len().min(data.len())
});
