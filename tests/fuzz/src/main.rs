//! Lists targets, tries an input again, runs targets for longer.

#![allow(clippy::print_stdout, reason = "a program of the command line")]

use std::path::PathBuf;
use std::process::ExitCode;

use custody_fuzz::corpus::Corpus;
use custody_fuzz::run::{Plan, SEED, attempt, run};
use custody_fuzz::targets::{Target, all};

const USAGE: &str = "usage: fuzz list
       fuzz replay TARGET FILE...
       fuzz run TARGET|all [TIMES [SEED]]   TIMES the rounds of the short run";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let good = match words.as_slice() {
        ["list"] => list(),
        ["replay", name, files @ ..] if !files.is_empty() => {
            chosen(name).iter().all(|one| replay(one, files))
        }
        ["run", name, numbers @ ..] => long(&chosen(name), numbers),
        _ => {
            println!("{USAGE}");
            false
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn chosen(name: &str) -> Vec<Target> {
    let chosen: Vec<Target> =
        all().into_iter().filter(|target| name == "all" || target.name == name).collect();
    if chosen.is_empty() {
        println!("there is no target {name}: `fuzz list` shows them");
    }
    chosen
}

fn list() -> bool {
    for target in all() {
        println!("{}", target.name);
    }
    true
}

fn replay(target: &Target, files: &[&str]) -> bool {
    let mut good = true;
    for file in files {
        let outcome =
            std::fs::read(file).map_err(|error| error.to_string()).and_then(|input| attempt(target, &input));
        good &= outcome.is_ok();
        println!("{file}: {outcome:?}");
    }
    good
}

fn long(targets: &[Target], numbers: &[&str]) -> bool {
    let number = |at: usize| numbers.get(at).and_then(|text| text.parse::<u64>().ok());
    let times = number(0).and_then(|times| usize::try_from(times).ok()).unwrap_or(10);
    let plan =
        Plan { seed: number(1).unwrap_or(SEED), times, failures: PathBuf::from("target/fuzz-failures") };
    println!("seed {}", plan.seed);
    let corpus = Corpus::find();
    let mut good = !targets.is_empty();
    for target in targets {
        match run(target, &corpus, &plan) {
            Ok(report) => println!("{}: {report:?}", target.name),
            Err(failure) => {
                println!("{failure}");
                good = false;
            }
        }
    }
    good
}
