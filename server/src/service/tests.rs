//! A server that ends by itself.

use std::path::Path;

use custody_log::note::{Cosigner, NoteSigner};

use super::*;
use crate::clock::{Clock as _, SystemClock};
use crate::genesis::{self, Founders};
use crate::index::LEFT_MAX;
use crate::journal::{DiskFiles, OpenOptions};
use crate::transport::Budget;

fn log_keys() -> LogKeys {
    LogKeys {
        log: NoteSigner::from_seed("example.com/log".parse().unwrap(), [7; 32]),
        next: None,
        statements: SigningKey::from_seed(&[7; 32]),
        freshness: Cosigner::from_seed("example.com/log/freshness".parse().unwrap(), [8; 32]),
    }
}

fn settings(dir: &Path) -> Settings {
    Settings {
        dir: dir.to_owned(),
        journal: OpenOptions::default(),
        clock: Arc::new(SystemClock),
        newest: Vec::new(),
    }
}

fn make_log(dir: &Path) {
    let administrator = SigningKey::from_seed(&[1; 32]);
    let founders = Founders {
        administrators: vec![administrator.public().clone()],
        threshold: 1,
        writers: Vec::new(),
        predecessor: None,
    };
    let (keys, now) = (log_keys(), SystemClock.read().unwrap().wall);
    let origin = "example.com/log".parse().unwrap();
    let document = genesis::first_document(&origin, &keys, &founders, now).unwrap();
    let envelope = genesis::sign_document(&document, &keys, &[administrator]).unwrap();
    genesis::create(dir, &envelope, &keys, &SystemClock, &OpenOptions::default()).unwrap();
}

#[tokio::test]
async fn a_server_stops_in_order_when_more_was_left_behind_than_it_may_keep() {
    let dir = tempfile::tempdir().unwrap();
    make_log(dir.path());
    let service = Service::start(settings(dir.path()), log_keys(), 0, &mut |_, _, _| {}).unwrap();
    let ledger = Arc::clone(service.ledger());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let disk = Disk::new(dir.path().to_owned(), Arc::new(DiskFiles), 0, 0);
    let spool = Spool::open(dir.path(), Arc::clone(&disk)).unwrap();
    let stall = Duration::from_secs(30);
    let hospitality = Hospitality { connections: 8, stall, budget: Budget::default() };
    for _ in 0..LEFT_MAX {
        ledger.index().leave_behind();
    }
    drop(ledger);
    // Nobody asks it to stop.
    let serving =
        service.serve(listener, (hospitality, None), Uploads { spool, disk }, std::future::pending());
    let ended = serving.await.unwrap_err();
    assert!(matches!(ended, ServiceError::LeftBehind { hands: LEFT_MAX, .. }), "{ended}");
    // It was closed as by a stop: the next one opens what is there, and takes the lock.
    Service::start(settings(dir.path()), log_keys(), 0, &mut |_, _, _| {}).unwrap();
}
