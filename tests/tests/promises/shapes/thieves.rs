//! Who lies about when something happened, and is found all the same.

use serde_json::json;

use super::{Place, V1, artifact, digest};

impl Place {
    /// Records a build of an image that claims to have ended then.
    fn built_at(&self, writer: usize, name: &str, ended: &str) -> u64 {
        let predicate = json!({
            "buildDefinition": {"buildType": "https://ci.test/build", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://ci.test"}, "metadata": {"invocationId": format!("https://ci.test/{name}/x"), "finishedOn": ended}},
        });
        self.say_by(writer, V1, &artifact(name), &predicate)
    }

    /// Releases by the first writer, each claimed when it is recorded. Returns the ledger time of the last one.
    fn released(&self, many: u32) -> String {
        let mut time = "2026-01-01T00:00:00Z".to_owned();
        for number in 0..many {
            time = self.time(self.built_at(0, &format!("ghcr.io/acme/api:1.{number}.0"), &time));
        }
        time
    }
}

/// When everything that is dated back claims to have happened: years before any log of today.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

#[test]
fn a_stolen_key_that_dates_a_build_back_beyond_history_contradicts_its_own_claims() {
    let place = Place::new();
    let now = place.released(5);
    let since = place.built_at(0, "ghcr.io/acme/api:1.9.0", LONG_AGO);
    let evil = digest("ghcr.io/acme/api:1.9.0");
    place.wrong(since, &[("backdated", &evil)]);
    let deployed = json!({"environment": "prod", "workload": "api", "action": "start", "at": now});
    let since = place.say_by(2, "urn:custody:deployment:v1", &artifact("ghcr.io/acme/api:1.9.0"), &deployed);
    place.wrong(since, &[]);
}

#[test]
fn a_stranger_who_dates_a_build_back_beyond_history_is_found_where_it_goes_out() {
    let place = Place::new();
    let now = place.released(5);
    let since = place.built_at(1, "ghcr.io/acme/api:1.9.0", LONG_AGO);
    place.wrong(since, &[]);
    let of = artifact("ghcr.io/acme/api:1.9.0");
    // That it went out long ago, too, hides nothing.
    let old = json!({"environment": "lab", "action": "start", "at": LONG_AGO});
    place.say_by(1, "urn:custody:deployment:v1", &of, &old);
    let deployed = json!({"environment": "prod", "workload": "api", "action": "start", "at": now});
    let since = place.say_by(2, "urn:custody:deployment:v1", &of, &deployed);
    place.wrong(since, &[("backdated", &digest("ghcr.io/acme/api:1.9.0"))]);
    // Told once, and of none that the usual signer built.
    let since = place.see(2, "prod", &now, &["ghcr.io/acme/api:1.9.0", "ghcr.io/acme/api:1.2.0"]);
    place.wrong(since, &[]);
}

#[test]
fn a_stranger_who_dates_a_build_back_a_little_changes_the_signer_all_the_same() {
    let place = Place::new();
    place.released(5);
    // Before all that the name has, and not long enough ago for history.
    let day = |text: &str| text[..10].to_owned();
    let last = place.ask(&["find", "--limit", "1"])["entries"][0]["time"].as_str().unwrap().to_owned();
    let (_, number) = day(&last)
        .rsplit_once('-')
        .map(|(month, day)| (month.to_owned(), day.parse::<u32>().unwrap()))
        .unwrap();
    let earlier = if number > 3 {
        format!("{}-{:02}T00:00:00Z", &last[..7], number - 3)
    } else {
        format!("{}-01T00:00:00Z", &last[..7])
    };
    let since = place.built_at(1, "ghcr.io/acme/api:1.9.0", &earlier);
    place.wrong(since, &[("signer_change", &digest("ghcr.io/acme/api:1.9.0"))]);
}

#[test]
fn who_dates_the_new_meaning_of_a_version_back_moved_its_tag_all_the_same() {
    let place = Place::new();
    let push = |writer: usize, name: &str, at: &str| {
        let said = json!({"registry": "ghcr.io", "repository": "ghcr.io/acme/api", "ref": "ghcr.io/acme/api:1.2.0", "actor": "bot", "at": at});
        place.say_by(
            writer,
            "urn:custody:publication:v1",
            &json!({"name": "ghcr.io/acme/api:1.2.0", "digest": artifact(name)["digest"]}),
            &said,
        )
    };
    push(0, "good", "2026-11-20T10:00:00Z");
    let since = push(1, "evil", LONG_AGO);
    place.wrong(since, &[("tag_moved", "ghcr.io/acme/api:1.2.0")]);
}

#[test]
fn a_year_that_an_importer_brings_before_and_after_the_first_live_build_is_silent() {
    let place = Place::new();
    for month in 1..13 {
        place.built_at(1, &format!("ghcr.io/acme/api:0.{month}.0"), &format!("2024-{month:02}-01T00:00:00Z"));
    }
    place.released(5);
    for month in 1..13 {
        place.built_at(2, &format!("ghcr.io/acme/api:0.0.{month}"), &format!("2023-{month:02}-01T00:00:00Z"));
    }
    place.wrong(0, &[]);
}
