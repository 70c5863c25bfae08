//! The audit against logs that break one rule each: every broken rule is a finding that names its entry, and an honest
//! log has none.

use std::path::Path;
use std::sync::Arc;

use custody_client::audit::{AuditError, FindingKind, Given, Options, Outcome, Report};
use custody_client::ledger::ProtocolError;
use custody_client::{Ledger, LedgerError};
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;
use custody_log::{EntryDigest, LeafIndex, TreeSize};

use crate::double::{Lie, Log, Server, log};
use crate::messages::check;

const APPROVAL: &str = "urn:custody:approval:v1";

fn approved(by: &str) -> String {
    format!(r#"{{"for":"prod","approver":"{by}","at":"2026-11-20T14:00:00Z"}}"#)
}

fn envelope(by: &str) -> Envelope {
    log::envelope(APPROVAL, b"the artifact", &approved(by))
}

/// Entry 0, two approvals, a second trust document, an approval.
fn sample() -> Log {
    let mut log = Log::new();
    log.append(&envelope("alice")).unwrap();
    log.append(&envelope("bob")).unwrap();
    log.append_trust("pipeline");
    log.append(&envelope("carol")).unwrap();
    log
}

async fn audit_with(
    ledger: &mut Ledger,
    checkpoints: &[Given],
    from_scratch: bool,
) -> Result<Report, AuditError> {
    let (_stopper, stop) = tokio::sync::watch::channel(false);
    ledger.audit(Options { checkpoints, from_scratch, stop: &stop, progress: &|_, _, _| {} }).await
}

async fn audit_in(server: &Server, dir: &Path) -> Result<Report, AuditError> {
    let mut ledger = server.open(dir).await.unwrap();
    audit_with(&mut ledger, &[], false).await
}

/// Audits a log that has what this adds to it, with an honest entry behind, so that it opens.
async fn audit_of(add: impl FnOnce(&mut Log)) -> Report {
    let mut log = sample();
    add(&mut log);
    log.append(&envelope("dave")).unwrap();
    let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
    audit_in(&server, dir.path()).await.unwrap()
}

/// Audits a log whose server lies once it was opened.
async fn lying(lie: Lie) -> Result<Report, AuditError> {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let mut ledger = server.open(dir.path()).await.unwrap();
    server.lie(lie);
    audit_with(&mut ledger, &[], false).await
}

/// Returns entry and kind of each finding.
fn found(report: &Report) -> Vec<(Option<u64>, FindingKind)> {
    report.findings.iter().map(|finding| (finding.entry, finding.kind)).collect()
}

#[tokio::test]
async fn an_honest_log_is_sound_and_the_next_audit_goes_on() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let first = audit_in(&server, dir.path()).await.unwrap();
    assert!(first.complete() && first.findings.is_empty(), "{first:?}");
    assert_eq!((first.from.get(), first.to.get(), first.administrative, first.tiles), (0, 5, 2, 1));
    assert!(first.compared.iter().all(|compared| compared.outcome == Outcome::Same), "{first:?}");
    let again = audit_in(&server, dir.path()).await.unwrap();
    assert_eq!((again.from.get(), again.to.get()), (5, 5));
    server.log.lock().unwrap().append(&envelope("dave")).unwrap();
    let grown = audit_in(&server, dir.path()).await.unwrap();
    assert!(grown.complete() && grown.findings.is_empty(), "{grown:?}");
    assert_eq!((grown.from.get(), grown.to.get()), (5, 6));
    let mut ledger = server.open(dir.path()).await.unwrap();
    let anew = audit_with(&mut ledger, &[], true).await.unwrap();
    assert_eq!((anew.from.get(), anew.to.get(), anew.findings.len()), (0, 6, 0));
}

#[tokio::test]
async fn tiles_of_every_level_and_the_edge_are_compared() {
    let mut log = Log::new();
    for number in 0..600 {
        log.append(&envelope(&format!("a{number}"))).unwrap();
    }
    let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
    let report = audit_in(&server, dir.path()).await.unwrap();
    // Two complete tiles and a partial one of level 0, and one partial tile of level 1.
    assert_eq!((report.tiles, report.findings.len()), (4, 0), "{report:?}");
    for number in 600..900 {
        server.log.lock().unwrap().append(&envelope(&format!("a{number}"))).unwrap();
    }
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert_eq!((report.from.get(), report.to.get()), (601, 901));
    assert_eq!((report.tiles, report.findings.len()), (3, 0), "{report:?}");
}

#[tokio::test]
async fn a_broken_chain_is_found() {
    let report = audit_of(|log| {
        let other = Some(EntryDigest::of(b"another entry"));
        log.append_changed(&envelope("mallory"), None, |entry| entry.previous = other);
    })
    .await;
    assert_eq!(found(&report), [(Some(5), FindingKind::BrokenChain)], "{report:?}");
}

#[tokio::test]
async fn a_clock_repair_steps_to_no_time_behind_the_one_that_administrators_said() {
    for (micros, wrong) in [(0, false), (-3_000_000_000, false), (1, true), (1_000_000_000, true)] {
        let mut log = sample();
        log.append_clock_repair_behind(micros);
        let repair = log.size().last_index().unwrap().get();
        log.append(&envelope("dave")).unwrap();
        let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
        let report = audit_in(&server, dir.path()).await.unwrap();
        let found = found(&report);
        let first = found.first().copied();
        assert_eq!(first, wrong.then_some((Some(repair), FindingKind::WrongTime)), "{micros}: {report:?}");
        assert!(found.iter().all(|(_, kind)| *kind == FindingKind::WrongTime), "{micros}: {report:?}");
    }
}

#[tokio::test]
async fn a_clock_repair_alone_steps_back_and_what_follows_is_later() {
    let mut log = sample();
    log.append_clock_repair();
    log.append(&envelope("dave")).unwrap();
    let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert!(report.complete() && report.findings.is_empty(), "{report:?}");
    server
        .log
        .lock()
        .unwrap()
        .append_changed(&envelope("erin"), None, |entry| entry.time = entry.time.plus_micros(-60_000_000));
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert_eq!(found(&report), [(Some(7), FindingKind::WrongTime)], "{report:?}");
}

/// Administrators who signed it looked at one entry, and the log erased another.
#[tokio::test]
async fn a_redaction_of_something_else_than_the_entry_it_names_is_found() {
    let mut log = sample();
    log.append_redaction(1, 2);
    log.append(&envelope("dave")).unwrap();
    let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
    let report = audit_in(&server, dir.path()).await.unwrap();
    let of_redaction = (Some(5), FindingKind::NotAdmissible);
    assert!(found(&report).contains(&of_redaction), "{report:?}");
    // The next audit, which replays no entry again, has found it too.
    let mut earlier = sample();
    earlier.append(&envelope("erin")).unwrap();
    let (server, dir) = (Server::start(earlier).await, tempfile::tempdir().unwrap());
    assert!(audit_in(&server, dir.path()).await.unwrap().findings.is_empty());
    server.log.lock().unwrap().append_redaction(1, 2);
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert!(found(&report).contains(&(Some(6), FindingKind::NotAdmissible)), "{report:?}");
}

#[tokio::test]
async fn a_time_that_stands_still_is_found() {
    let report = audit_of(|log| {
        log.append_changed(&envelope("mallory"), None, |entry| {
            entry.time = entry.time.plus_micros(-60_000_000)
        });
    })
    .await;
    assert_eq!(found(&report), [(Some(5), FindingKind::WrongTime)], "{report:?}");
}

#[tokio::test]
async fn an_index_that_is_not_that_of_the_place_is_found() {
    let report = audit_of(|log| {
        log.append_changed(&envelope("mallory"), None, |entry| entry.index = LeafIndex::new(4).unwrap());
    })
    .await;
    assert_eq!(found(&report).first(), Some(&(Some(5), FindingKind::WrongIndex)), "{report:?}");
}

#[tokio::test]
async fn a_wrong_admin_line_is_found() {
    let report = audit_of(|log| {
        log.append_wrongly(&envelope("mallory"), 0, false, |_| {});
    })
    .await;
    // It was admitted under the old document, too, and its record says so.
    let expected = [(Some(5), FindingKind::AdmissionDiffers), (Some(5), FindingKind::WrongAdmin)];
    assert_eq!(found(&report), expected, "{report:?}");
}

#[tokio::test]
async fn an_administrative_entry_that_does_not_say_so_is_found() {
    let report = audit_of(|log| log.append_trust_secretly("secret")).await;
    assert_eq!(found(&report), [(Some(5), FindingKind::WrongAdmin)], "{report:?}");
}

#[tokio::test]
async fn an_administrative_entry_that_later_entries_withhold_is_found() {
    let report = audit_of(|log| log.append_trust_withheld("withheld")).await;
    let expected = [(Some(5), FindingKind::WithheldAdmin), (Some(6), FindingKind::WrongAdmin)];
    assert_eq!(found(&report), expected, "{report:?}");
}

#[tokio::test]
async fn an_entry_that_says_it_administers_and_does_not_is_found() {
    let report = audit_of(|log| {
        log.append_wrongly(&envelope("mallory"), 1, true, |_| {});
    })
    .await;
    let kinds: Vec<FindingKind> = report.findings.iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&FindingKind::WrongAdmin), "{report:?}");
    assert!(kinds.contains(&FindingKind::WithheldAdmin), "{report:?}");
}

#[tokio::test]
async fn a_record_that_was_changed_and_digested_again_is_found() {
    let report = audit_of(|log| {
        log.append_wrongly(&envelope("mallory"), 1, false, |record| record.subjects.clear());
    })
    .await;
    assert_eq!(found(&report), [(Some(5), FindingKind::AdmissionDiffers)], "{report:?}");
}

#[tokio::test]
async fn a_signature_by_a_key_without_the_right_is_found() {
    let stranger = SigningKey::from_seed(&[8; 32]);
    let payload = Envelope::parse(envelope("mallory").bytes()).unwrap().payload().to_vec();
    let foreign = Envelope::sign(IN_TOTO, &payload, &[&stranger]).unwrap();
    let report = audit_of(|log| {
        log.append_changed(&foreign, Some(LeafIndex::new(4).unwrap()), |_| {});
    })
    .await;
    assert_eq!(found(&report), [(Some(5), FindingKind::NotAdmissible)], "{report:?}");
}

#[tokio::test]
async fn content_that_was_recorded_before_is_found() {
    let report = audit_of(|log| {
        log.append(&envelope("alice")).unwrap();
    })
    .await;
    assert_eq!(found(&report), [(Some(5), FindingKind::Duplicate)], "{report:?}");
}

#[tokio::test]
async fn an_entry_that_is_not_in_the_tree_is_found() {
    let report = lying(Lie::AlteredEntry).await.unwrap();
    let expected = [
        (Some(2), FindingKind::WrongAdmin),
        (Some(3), FindingKind::BrokenChain),
        (None, FindingKind::Fork),
        (None, FindingKind::RootDiffers),
        (None, FindingKind::TileDiffers),
    ];
    let found = found(&report);
    for finding in expected {
        assert!(found.contains(&finding), "{finding:?} in {report:?}");
    }
}

#[tokio::test]
async fn other_records_envelopes_and_tiles_than_those_of_the_log_are_found() {
    for (lie, entry, kind) in [
        (Lie::SwappedRecord, Some(1), FindingKind::RecordDiffers),
        (Lie::SwappedEnvelope, Some(1), FindingKind::EnvelopeDiffers),
        (Lie::ShortPieces, Some(2), FindingKind::EnvelopeDiffers),
        (Lie::Erased, Some(2), FindingKind::Erased),
        (Lie::WrongTile, None, FindingKind::TileDiffers),
        (Lie::NoTile, None, FindingKind::TileDiffers),
    ] {
        let report = lying(lie).await.unwrap();
        assert!(found(&report).contains(&(entry, kind)), "{lie:?}: {report:?}");
        assert!(report.complete(), "{lie:?}");
    }
}

/// Two bytes of a message would be 130 of memory: what is refused is the count.
#[tokio::test]
async fn entries_without_content_are_refused_before_they_are_read() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    // With time for long answers, also on a slow machine.
    let patience = custody_client::Patience {
        timeout: std::time::Duration::from_mins(5),
        retry_for: std::time::Duration::from_millis(200),
    };
    let options = custody_client::Options { patience, ..server.options(dir.path()) };
    let mut ledger = Ledger::open(options).await.unwrap();
    server.lie(Lie::Padded);
    let error = audit_with(&mut ledger, &[], false).await.unwrap_err().to_string();
    assert!(error.contains("entries") && error.contains("100001"), "{error}");
}

#[tokio::test]
async fn entries_that_do_not_come_are_refused_and_the_audit_goes_on_from_there() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    server.lie(Lie::CutRange);
    let cut = audit_in(&server, dir.path()).await;
    let Err(AuditError::Ledger(LedgerError::Protocol(ProtocolError::Truncated { next, size }))) = cut else {
        panic!("{cut:?}")
    };
    assert_eq!((next.get(), size.get()), (3, 5));
    server.lies.lock().unwrap().clear();
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert_eq!((report.from.get(), report.to.get(), report.findings.len()), (3, 5, 0));
}

/// A log that goes its own way from entry 3 on, and is signed by the same key.
fn forked() -> Log {
    let mut other = sample().cut(3);
    for name in ["x", "y", "z"] {
        other.append_changed(&envelope(name), None, |entry| entry.admin = Some(LeafIndex::ZERO));
    }
    other
}

#[tokio::test]
async fn a_checkpoint_of_another_tree_is_a_fork_with_evidence() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let given =
        |log: &Log, size: usize| Given { name: "theirs".to_owned(), signed: log.cut(size).checkpoint(false) };
    let mut ledger = server.open(dir.path()).await.unwrap();
    let shared = [given(&forked(), 3), given(&sample(), 4), given(&forked(), 4)];
    let report = audit_with(&mut ledger, &shared, false).await.unwrap();
    assert_eq!(found(&report), [(None, FindingKind::Fork)], "{report:?}");
    assert_eq!(report.findings[0].evidence.len(), 2);
    assert!(report.findings[0].evidence.iter().all(|path| path.exists()));
    let forks: Vec<u64> = report
        .compared
        .iter()
        .filter(|compared| compared.outcome == Outcome::Fork)
        .map(|compared| compared.size.get())
        .collect();
    assert_eq!(forks, [4]);
    // The finding stays, and the evidence is compared by the next audit too.
    let again = audit_in(&server, dir.path()).await.unwrap();
    assert_eq!(again.findings, report.findings);
}

#[tokio::test]
async fn a_remembered_checkpoint_of_another_tree_is_a_fork() {
    let (server, dir) = (Server::start(forked()).await, tempfile::tempdir().unwrap());
    server.open(dir.path()).await.unwrap();
    let mut longer = sample();
    longer.append(&envelope("dave")).unwrap();
    longer.append(&envelope("erin")).unwrap();
    *server.log.lock().unwrap() = longer;
    let opened = server.open(dir.path()).await;
    assert!(matches!(opened, Err(LedgerError::Fork { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_refused() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let mut ledger = server.open(dir.path()).await.unwrap();
    let foreign = Given { name: "theirs".to_owned(), signed: sample().checkpoint(true) };
    let refused = audit_with(&mut ledger, &[foreign], false).await;
    assert!(matches!(refused, Err(AuditError::NotOfLog { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_checkpoint_beyond_what_the_log_shows_cannot_be_found_sound() {
    let (server, dir) = (Server::start(sample().cut(4)).await, tempfile::tempdir().unwrap());
    let mut ledger = server.open(dir.path()).await.unwrap();
    let newer = Given { name: "theirs".to_owned(), signed: sample().checkpoint(false) };
    let refused = audit_with(&mut ledger, &[newer], false).await;
    assert!(
        matches!(refused, Err(AuditError::Ledger(LedgerError::Behind { .. } | LedgerError::Rollback { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_stopped_audit_is_taken_up_and_two_at_once_are_not_run() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let mut ledger = server.open(dir.path()).await.unwrap();
    let (stopper, stop) = tokio::sync::watch::channel(true);
    let options = Options { checkpoints: &[], from_scratch: false, stop: &stop, progress: &|_, _, _| {} };
    let stopped = ledger.audit(options).await.unwrap();
    assert!(!stopped.complete());
    drop(stopper);
    let report = audit_in(&server, dir.path()).await.unwrap();
    assert!(report.complete() && report.findings.is_empty());

    let lock = std::fs::File::create(audit_file(dir.path(), "audit-lock")).unwrap();
    lock.lock().unwrap();
    let refused = audit_in(&server, dir.path()).await;
    assert!(matches!(refused, Err(AuditError::Running { .. })), "{refused:?}");
}

fn audit_file(dir: &Path, name: &str) -> std::path::PathBuf {
    let folders = std::fs::read_dir(dir).unwrap().map(|folder| folder.unwrap().path());
    let folder = folders.into_iter().find(|path| path.join("trust.json").exists()).unwrap();
    folder.join(name)
}

#[tokio::test]
async fn a_damaged_state_is_refused_and_can_be_forgotten() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    audit_in(&server, dir.path()).await.unwrap();
    let path = audit_file(dir.path(), "audit.json");
    let good = std::fs::read_to_string(&path).unwrap();
    for (name, damaged) in [
        ("cut", good[..good.len() / 2].to_owned()),
        ("another size", good.replace("\"size\": 5", "\"size\": 7")),
        ("another format", good.replace("audit/v2", "audit/v3")),
    ] {
        std::fs::write(&path, damaged).unwrap();
        let refused = audit_in(&server, dir.path()).await;
        assert!(matches!(refused, Err(AuditError::State { .. })), "{name}: {refused:?}");
    }
    std::fs::write(&path, good).unwrap();
    std::fs::write(audit_file(dir.path(), "audit-contents"), [0; 8]).unwrap();
    let refused = audit_in(&server, dir.path()).await;
    assert!(matches!(refused, Err(AuditError::State { .. })), "{refused:?}");
    let mut ledger = server.open(dir.path()).await.unwrap();
    let report = audit_with(&mut ledger, &[], true).await.unwrap();
    assert!(report.complete() && report.findings.is_empty());
    assert_eq!(TreeSize::new(5).unwrap(), report.to);
}

#[tokio::test]
async fn what_an_audit_says_reads_as_written_here() {
    let (server, dir) = (Server::start(sample()).await, tempfile::tempdir().unwrap());
    let server = Arc::new(server);
    let places = [(server.url(), "http://SERVER"), (dir.path().display().to_string(), "DIR")];
    let run = |args: &'static [&'static str]| {
        let (server, dir) = (Arc::clone(&server), dir.path().to_owned());
        async move { server.custody(&dir, args).await }
    };
    check("audit_sound", 0, &run(&["audit"]).await, &places);
    check("audit_nothing_new", 0, &run(&["audit"]).await, &places);
    check("audit_json", 0, &run(&["audit", "--from-scratch", "-o", "json"]).await, &places);
    server.lie(Lie::SwappedEnvelope);
    server.lie(Lie::WrongTile);
    check("audit_findings", 1, &run(&["audit", "--from-scratch"]).await, &places);
    check("audit_findings_json", 1, &run(&["audit", "-o", "json"]).await, &places);
    server.lies.lock().unwrap().clear();
    server.lie(Lie::CutRange);
    check("audit_truncated", 1, &run(&["audit", "--from-scratch"]).await, &places);
    server.lies.lock().unwrap().clear();
    check("audit_taken_up", 0, &run(&["audit"]).await, &places);
    let fork = forked().cut(4).checkpoint(false);
    std::fs::write(dir.path().join("theirs"), fork.bytes()).unwrap();
    check("audit_fork", 1, &run(&["audit", "--checkpoint", "theirs"]).await, &places);
    std::fs::write(dir.path().join("foreign"), sample().checkpoint(true).bytes()).unwrap();
    check("audit_foreign_checkpoint", 2, &run(&["audit", "--checkpoint", "foreign"]).await, &places);
    std::fs::write(dir.path().join("none"), "nothing").unwrap();
    check("audit_no_checkpoint", 2, &run(&["audit", "--checkpoint", "none"]).await, &places);
    std::fs::write(audit_file(&dir.path().join("state"), "audit.json"), "{}").unwrap();
    check("audit_damaged_state", 2, &run(&["audit"]).await, &places);
}
