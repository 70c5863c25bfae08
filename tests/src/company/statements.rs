//! What CI systems record of a world: statements in the shapes of real ones, each with who signs it, in the order of their time.

use serde_json::{Value, json};

use super::world::{
    Artifact, BRANCH_LEVEL, BRANCH_POLICY, DAY, HOUR, MOVED_ACTION, Move, POLICY, PROD, Run, STAGING, TEAMS,
    Time, World,
};
use crate::evidence::artifact_hex;

/// Who signs what the teams do not: scans and what registries show.
pub const SCANNER: usize = TEAMS;
/// Reviews, approvals, and how many records there should be.
pub const PEOPLE: usize = TEAMS + 1;
/// What runs where.
pub const DEPLOYER: usize = TEAMS + 2;
/// How many keys sign. Those of the teams come first.
pub const SIGNERS: u8 = 7;

/// Something to record.
#[derive(Debug, Clone)]
pub struct Said {
    /// When it is recorded.
    pub at: Time,
    /// Whose key signs it.
    pub signer: usize,
    /// The statement.
    pub statement: Value,
}

impl World {
    /// Returns everything that is recorded, in order.
    #[must_use]
    pub fn statements(&self) -> Vec<Said> {
        let mut all = Vec::new();
        for run in &self.runs {
            all.push(self.signed(run.service, run.at, self.run_statement(run)));
        }
        for (place, made) in self.artifacts.iter().enumerate() {
            self.release_statements(place, made, &mut all);
        }
        for moved in &self.moves {
            self.move_statements(moved, &mut all);
        }
        for seen in &self.snapshots {
            let running = seen.running.iter();
            let running = running.map(|(workload, digest)| json!({"digest": format!("sha256:{digest}"), "workload": workload, "count": 2}));
            let subjects: Vec<Value> =
                seen.running.iter().map(|(name, digest)| artifact(name, digest)).collect();
            let subjects =
                if subjects.is_empty() { vec![named("environment", seen.environment)] } else { subjects };
            let predicate = json!({"environment": seen.environment, "at": time(seen.at), "running": running.collect::<Vec<_>>()});
            all.push(Said {
                at: seen.at,
                signer: DEPLOYER,
                statement: custody("snapshot", &subjects, &predicate),
            });
        }
        self.upstream_statements(&mut all);
        self.delivery_statements(&mut all);
        self.exception_statements(&mut all);
        self.tag_statements(&mut all);
        self.expected_statements(&mut all);
        // What happened at one moment keeps the order above, so that a stop comes before the start behind it.
        all.sort_by_key(|said| said.at);
        all
    }

    fn signed(&self, service: usize, at: Time, statement: Value) -> Said {
        Said { at, signer: self.services[service].team, statement }
    }

    fn run_statement(&self, run: &Run) -> Value {
        let url = self.run_url(run);
        let resolved = run.resolved.iter().map(|(used, meant)| {
            let algorithm = if used.contains(':') { "sha256" } else { "gitCommit" };
            json!({"ref": used, "digest": format!("{algorithm}:{}", if algorithm == "sha256" { artifact_hex(meant) } else { meant.clone() })})
        });
        let predicate = json!({
            "run": url, "conclusion": run.conclusion, "trigger": run.trigger, "at": time(run.at),
            "runner": {"name": run.runner, "hosted": run.hosted, "labels": ["linux", "x64"]},
            "resolved": resolved.collect::<Vec<_>>(),
            "secrets": self.services[run.service].secrets,
            "permissions": ["contents: read", "id-token: write"],
        });
        custody("run", &[named("run", &url)], &predicate)
    }

    fn release_statements(&self, place: usize, made: &Artifact, all: &mut Vec<Said>) {
        let run = &self.runs[made.run];
        let service = &self.services[made.service];
        if place != self.planted.stolen_build && place != self.planted.backdated {
            self.source_statements(run, all);
        }
        if self.is_protected(place) {
            all.push(Said { at: run.at - HOUR / 4, signer: PEOPLE, statement: self.branch_summary(run) });
        }
        if made.provenance {
            all.push(self.signed(made.service, run.at + 1, self.provenance(place, made)));
        }
        let subject = artifact(&service.reference(made.version), &made.digest);
        if !made.components.is_empty() {
            all.push(self.signed(
                made.service,
                run.at + 2,
                statement(
                    std::slice::from_ref(&subject),
                    "https://cyclonedx.org/bom",
                    &self.sbom(place, made),
                ),
            ));
        }
        if made.published {
            let predicate = json!({
                "registry": "registry.acme.example", "repository": service.image(), "ref": service.reference(made.version),
                "actor": format!("{}-bot", service.name), "at": time(run.at + 60),
            });
            all.push(self.signed(
                made.service,
                run.at + 60,
                custody("publication", std::slice::from_ref(&subject), &predicate),
            ));
        }
        if place != self.planted.stolen_build {
            all.push(Said { at: run.at + 300, signer: SCANNER, statement: scan(&[subject], run.at + 300) });
        }
    }

    fn source_statements(&self, run: &Run, all: &mut Vec<Said>) {
        let service = &self.services[run.service];
        let subject = json!({"name": service.repository(), "digest": {"gitCommit": run.commit}});
        let author = format!("Dev {} <dev{}@acme.example>", run.number % 5, run.number % 5);
        let source = json!({
            "repo": service.repository(), "commit": run.commit, "ref": "refs/heads/main", "author": author,
            "author_date": time(run.at - 2 * HOUR),
        });
        all.push(self.signed(
            run.service,
            run.at - HOUR,
            custody("source", std::slice::from_ref(&subject), &source),
        ));
        let review = json!({
            "repo": service.repository(), "commit": run.commit, "ref": "refs/heads/main",
            "reviewers": [format!("reviewer{}@acme.example", run.number % 3)], "approved_at": time(run.at - HOUR / 2),
        });
        all.push(Said {
            at: run.at - HOUR / 2,
            signer: PEOPLE,
            statement: custody("review", &[subject], &review),
        });
    }

    /// What the host of the repository says of the branch that a commit was merged to.
    fn branch_summary(&self, run: &Run) -> Value {
        let repository = self.services[run.service].repository();
        let subject = json!({
            "name": repository, "digest": {"gitCommit": run.commit}, "annotations": {"sourceRefs": ["refs/heads/main"]},
        });
        let predicate = json!({
            "verifier": {"id": "https://source.acme.example/verifier"}, "timeVerified": time(run.at - HOUR / 4),
            "resourceUri": format!("git+{repository}"), "policy": {"uri": BRANCH_POLICY},
            "verificationResult": "PASSED", "verifiedLevels": [BRANCH_LEVEL],
        });
        statement(&[subject], "https://slsa.dev/verification_summary/v1", &predicate)
    }

    fn provenance(&self, place: usize, made: &Artifact) -> Value {
        let run = &self.runs[made.run];
        let service = &self.services[made.service];
        let stolen = place == self.planted.stolen_build;
        let builder =
            if stolen { format!("https://{}.example.net/agent", run.runner) } else { service.builder() };
        let source = json!({"uri": format!("git+{}@refs/heads/main", service.repository()), "digest": {"gitCommit": run.commit}});
        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": "refs/heads/main", "repository": service.repository(), "path": ".github/workflows/release.yml",
                }},
                "internalParameters": {"github": {"event_name": run.trigger, "runner_environment": if run.hosted { "github-hosted" } else { "self-hosted" }}},
                // Whoever stole the key does not say what it was built from.
                "resolvedDependencies": if stolen { json!([]) } else { json!([source]) },
            },
            "runDetails": {
                "builder": {"id": builder},
                "metadata": {"invocationId": self.run_url(run), "startedOn": time(made.at - 300), "finishedOn": time(made.at)},
            },
        });
        statement(
            &[artifact(&service.reference(made.version), &made.digest)],
            "https://slsa.dev/provenance/v1",
            &predicate,
        )
    }

    /// Two releases with the same components have the same document.
    fn sbom(&self, place: usize, made: &Artifact) -> Value {
        let component = |listed: &(usize, usize)| {
            let (package, number) = (&self.packages[listed.0], listed.1);
            let mut component = json!({
                "type": "library", "name": package.name, "version": package.version(number), "purl": package.purl(number), "bom-ref": package.purl(number),
            });
            if Self::has_bytes(listed.0) {
                let swapped = place == self.planted.swapped && *listed == self.planted.swapped_package;
                let bytes = if swapped { self.archive_bytes() } else { package.bytes(number) };
                let from = if swapped { self.archive() } else { package.source() };
                component["hashes"] = json!([{"alg": "SHA-512", "content": bytes}]);
                component["externalReferences"] = json!([{"type": "distribution", "url": from}]);
            }
            component
        };
        let mut components: Vec<Value> = made.components.iter().map(component).collect();
        if place == self.planted.unversioned {
            components.push(json!({"type": "library", "name": "vendored", "purl": "pkg:npm/vendored"}));
        }
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components})
    }

    /// What the registry says of the bytes of the newer versions, as npm attests it.
    fn upstream_statements(&self, all: &mut Vec<Said>) {
        let packages = self.packages.iter().enumerate().filter(|(place, _)| Self::has_bytes(*place));
        for (place, package) in packages {
            // Four versions of one package that are recorded within an hour are no burst.
            for version in package.versions.len().saturating_sub(4)..package.versions.len() {
                let subject =
                    json!({"name": package.purl(version), "digest": {"sha512": package.bytes(version)}});
                let predicate = json!({
                    "name": package.name, "version": package.version(version), "registry": "https://registry.npmjs.org",
                });
                let of = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
                let at = self.came_out(place, version);
                all.push(Said { at, signer: SCANNER, statement: statement(&[subject], of, &predicate) });
            }
        }
    }

    fn delivery_statements(&self, all: &mut Vec<Said>) {
        for delivery in &self.deliveries {
            let made = &self.artifacts[delivery.artifact];
            let subject = artifact(&self.services[made.service].reference(made.version), &made.digest);
            let predicate =
                json!({"recipient": delivery.recipient, "channel": "portal", "at": time(delivery.at)});
            let statement = custody("distribution", &[subject], &predicate);
            all.push(Said { at: delivery.at, signer: DEPLOYER, statement });
        }
    }

    /// One rule is waived for one artifact, and all for another.
    fn exception_statements(&self, all: &mut Vec<Said>) {
        for (place, rule) in self.planted.excepted.into_iter().zip(["provenance", "*"]) {
            let made = &self.artifacts[place];
            let (service, at) = (&self.services[made.service], made.at + 400);
            let subject = artifact(&service.reference(made.version), &made.digest);
            let predicate = json!({
                "policy": POLICY, "rule": rule, "subject": format!("sha256:{}", made.digest), "owner": format!("lead{}@acme.example", service.team),
                "reason": format!("a customer waits for {}", service.name), "at": time(at), "until": time(at + DAY),
            });
            let statement = custody("exception", &[subject], &predicate);
            all.push(Said { at, signer: PEOPLE, statement });
        }
    }

    fn move_statements(&self, moved: &Move, all: &mut Vec<Said>) {
        let made = &self.artifacts[moved.artifact];
        let service = &self.services[made.service];
        let subject = artifact(&service.reference(made.version), &made.digest);
        let stolen = moved.artifact == self.planted.stolen_build;
        if moved.start && moved.environment == PROD && !stolen {
            let approval = json!({"for": PROD, "approver": format!("lead{}@acme.example", service.team), "at": time(moved.at - 1_200)});
            let promotion = json!({"from": STAGING, "to": PROD, "at": time(moved.at - 300)});
            all.push(Said {
                at: moved.at - 1_200,
                signer: PEOPLE,
                statement: custody("approval", std::slice::from_ref(&subject), &approval),
            });
            all.push(Said {
                at: moved.at - 300,
                signer: DEPLOYER,
                statement: custody("promotion", std::slice::from_ref(&subject), &promotion),
            });
        }
        let predicate = json!({
            "environment": moved.environment, "workload": service.name, "cluster": "eu-1",
            "action": if moved.start { "start" } else { "stop" }, "at": time(moved.at),
        });
        all.push(Said {
            at: moved.at,
            signer: DEPLOYER,
            statement: custody("deployment", &[subject], &predicate),
        });
    }

    /// Somebody looks at the tag of the action every six hours.
    fn tag_statements(&self, all: &mut Vec<Said>) {
        let (repository, tag) = MOVED_ACTION.split_once('@').expect("an action and its tag");
        let (from, to) = self.planted.moved;
        let mut at = self.begin + HOUR;
        while at < self.end() {
            let meant =
                if (from..to).contains(&at) { &self.planted.evil_commit } else { &self.planted.good_commit };
            let subject = json!({"name": MOVED_ACTION, "digest": {"gitCommit": meant}});
            let predicate = json!({
                "repository": format!("github.com/{repository}"), "tag": tag, "digest": format!("gitCommit:{meant}"), "observed_at": time(at),
            });
            all.push(Said { at, signer: SCANNER, statement: custody("tag", &[subject], &predicate) });
            at += DAY / 4;
        }
    }

    /// How many runs each pipeline says that it made in the last week.
    fn expected_statements(&self, all: &mut Vec<Said>) {
        let (from, to) = (self.last_week(), self.end());
        for (number, service) in self.services.iter().enumerate() {
            let made =
                self.runs.iter().filter(|run| run.service == number && (from..to).contains(&run.at)).count();
            let lost = if number == self.planted.gap_service { 3 } else { 0 };
            let source = service.repository();
            let predicate = json!({"source": source, "period": {"from": time(from), "to": time(to)}, "count": made + lost});
            let subject = named("identity", &source);
            all.push(Said { at: to, signer: PEOPLE, statement: custody("expected", &[subject], &predicate) });
        }
    }
}

fn scan(subjects: &[Value], at: Time) -> Value {
    let predicate = json!({
        "scanner": {"uri": "https://github.com/anchore/grype", "version": "0.90.0", "db": {"lastUpdate": time(at - DAY)}, "result": []},
        "metadata": {"scanStartedOn": time(at - 30), "scanFinishedOn": time(at)},
    });
    statement(subjects, "https://in-toto.io/attestation/vulns/v0.2", &predicate)
}

fn custody(name: &str, subjects: &[Value], predicate: &Value) -> Value {
    statement(subjects, &format!("urn:custody:{name}:v1"), predicate)
}

fn statement(subjects: &[Value], predicate_type: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicate_type, "predicate": predicate})
}

fn artifact(name: &str, digest: &str) -> Value {
    json!({"name": name, "digest": {"sha256": digest}})
}

/// A subject for something without bytes.
fn named(kind: &str, name: &str) -> Value {
    artifact(name, &artifact_hex(&format!("custody/name/v1\n{kind}\n{name}")))
}

/// Returns a time as RFC 3339 writes it, in UTC.
#[must_use]
pub fn time(at: Time) -> String {
    let (days, second) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    // The era of 400 years, the day in it, and the year that begins in March (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::company::{Size, World};
    use crate::dice::Dice;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_792_972_861, "2026-10-26T00:01:01Z"),
        ] {
            assert_eq!(time(at), text);
        }
    }

    #[test]
    fn the_same_dice_make_the_same_company() {
        let company = |seed| World::new(&mut Dice::of(seed), Size::SMALL, 1_792_972_800).statements();
        let texts = |seed| company(seed).iter().map(|said| said.statement.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(1), texts(1));
        assert_ne!(texts(1), texts(2));
        assert!(company(3).is_sorted_by_key(|said| said.at));
    }

    #[test]
    fn what_is_planted_is_there_and_happens_in_the_last_week() {
        for seed in 0..20 {
            let world = World::new(&mut Dice::of(seed), Size::SMALL, 1_792_972_800);
            let planted = &world.planted;
            let week = world.last_week()..world.end();
            let made = |place: usize| &world.artifacts[place];
            for place in
                [planted.stolen_build, planted.backdated, planted.regression, planted.failed_artifact]
            {
                assert!(week.contains(&world.runs[made(place).run].at), "seed {seed}: {place}");
            }
            assert_eq!(world.runs[planted.failed_run].conclusion, "failure");
            assert_eq!(made(planted.failed_artifact).run, planted.failed_run);
            assert!(!world.meant_this(MOVED_ACTION, &planted.evil_commit).is_empty(), "seed {seed}");
            assert!(
                !world
                    .ship(planted.deleted.0, |version| version
                        == world.packages[planted.deleted.0].versions[planted.deleted.1])
                    .is_empty()
            );
            assert!(made(planted.backdated).at < world.last_week());
        }
    }
}
