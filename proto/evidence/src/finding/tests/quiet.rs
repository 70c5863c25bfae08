//! Weeks in which nothing is wrong, and years that are imported: chosen by chance, from a seed that is printed.

use proptest::prelude::*;
use serde_json::json;

use super::log::{DAY, HOUR, Log, MINUTE};

#[derive(Debug, Clone)]
enum Event {
    Release { service: usize },
    Build { service: usize },
    Deploy { service: usize },
    FailedRun { service: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let service = 0..3_usize;
    prop_oneof![
        service.clone().prop_map(|service| Event::Release { service }),
        service.clone().prop_map(|service| Event::Build { service }),
        service.clone().prop_map(|service| Event::Deploy { service }),
        service.prop_map(|service| Event::FailedRun { service }),
    ]
}

/// Plays what a company does; `late` is how long after it happens it is recorded.
fn play(events: &[Event], late: i64) -> Log {
    let mut log = Log::default();
    let (mut runs, mut releases) = ([0_u64; 3], [0_u64; 3]);
    let mut deployed = [0_u64; 3];
    for event in events {
        let happened = log.now;
        log.now += late;
        match *event {
            Event::Release { service } | Event::Build { service } => {
                let name = format!("svc-{service}");
                let run = runs[service];
                runs[service] += 1;
                let is_release = matches!(event, Event::Release { .. });
                let version =
                    if is_release { format!("1.{}.0", releases[service]) } else { format!("b{run}") };
                log.build_at(&format!("ci-{service}"), &name, &version, run, happened);
                log.run("observer", &name, run, &json!({ "at": super::log::at(happened).to_string(), "runner": { "name": "big", "hosted": false } }));
                log.publish_at(&format!("ci-{service}"), &name, &version, happened);
                releases[service] += u64::from(is_release);
            }
            Event::Deploy { service } => {
                if releases[service] > 0 {
                    deployed[service] = releases[service] - 1;
                    let subjects =
                        super::log::image(&format!("svc-{service}"), &format!("1.{}.0", deployed[service]));
                    let at = super::log::at(happened).to_string();
                    let start = json!({ "environment": "prod", "workload": format!("svc-{service}"), "action": "start", "at": at });
                    log.say("cd", "urn:custody:deployment:v1", &subjects, &start);
                }
            }
            Event::FailedRun { service } => {
                let run = runs[service];
                runs[service] += 1;
                let failed = json!({ "conclusion": "failure", "at": super::log::at(happened).to_string(), "runner": { "name": "big", "hosted": false } });
                log.run("observer", &format!("svc-{service}"), run, &failed);
            }
        }
        log.now = happened + 90 * MINUTE;
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_found_where_nothing_is_wrong(events in prop::collection::vec(event(), 1..60)) {
        prop_assert_eq!(play(&events, 0).findings(), []);
        prop_assert_eq!(play(&events, 2 * HOUR).findings(), []);
    }

    #[test]
    fn nothing_is_found_in_old_records_whoever_signs_them(
        events in prop::collection::vec(event(), 1..40),
        signers in prop::collection::vec(0..5_usize, 1..40),
    ) {
        // A year of records, each signed by another importer than the one before.
        let mut log = play(&events, 0);
        let mut happened = -365 * DAY;
        for (release, signer) in signers.iter().enumerate() {
            happened += 3 * DAY;
            let version = format!("0.{release}.0");
            let number = u64::try_from(release).unwrap();
            log.build_at(&format!("importer-{signer}"), "svc-0", &version, 100_000 + number * 7, happened);
            log.publish_at(&format!("importer-{signer}"), "svc-0", &version, happened);
        }
        prop_assert_eq!(log.findings(), []);
    }

    #[test]
    fn one_planted_theft_is_found_in_any_week(events in prop::collection::vec(event(), 1..60), service in 0..3_usize) {
        let mut log = play(&events, 0);
        let name = format!("svc-{service}");
        for release in 0..3 {
            log.build(&format!("ci-{service}"), &name, &format!("9.{release}.0"), 50_000 + 1_000 * release);
            log.now += 2 * HOUR;
        }
        let stolen = log.build("thief", &name, "9.3.0", 90_000);
        let found = log.findings();
        prop_assert_eq!(found.len(), 1, "{:?}", found);
        prop_assert_eq!(found[0].2.last(), Some(&stolen));
    }
}
