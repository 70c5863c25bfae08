//! The database: the only file that knows sled, and its rules.
//!
//! sled 0.34.7 with a small cache (its default is 1 GiB, and real use is a multiple), its flusher on (it also reclaims
//! space), no `flush_async` (it can deadlock), values of at most 4 KB (larger ones it keeps in files that it never syncs), and
//! no reliance on scans being isolated: pieces of a run are written before the manifest names it, and are never changed.
//! No batch: each waits for every look into any database of the process, and all of them wait for it, so one look that does not
//! end would stop all others.
//!
//! After a write that failed, sled fails for ever: then the database is shut, and replaced by one that was opened again
//! (`reopen.rs`). On some damaged pages it panics instead of returning an error; no panic leaves this file.
//!
//! Some looks do not end, and [`Database::ask`] leaves them behind (`hands.rs`). In sled's source:
//!
//! - `Tree::view_for_pid` goes round while a page says that a child is being merged into it; where that child is free already,
//!   `merge_node` returns at once, and nothing changes. `view_for_key` and iterators give up, by a panic, after a million rounds.
//! - `iobuf::make_stable_inner` waits until a page is on the disk, for a thread that writes it. One that fails in
//!   `Log::exit_reservation` wakes nobody; one that panics does not say that it failed.
//! - `SegmentAccountant::bump_tip` waits, with the lock that all writes end with, for one of seven threads to cut the file, and
//!   these may all wait for that lock.
//! - `Log::reserve_inner` goes round while a buffer is sealed, and a thread that panicked while it sealed it leaves it so.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use super::error::IndexError;
use super::hands::{self, Hands};
use super::keys::Row;
use super::manifest::{self, Kept, Record};
use super::parts::{PARTS_BYTES_MAX, Room};
use super::piece::{self, Kind};

/// The key of the header.
const HEADER: &[u8] = b"h";
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// sled's flusher runs this often; what a killed process loses is made again.
const FLUSH_EVERY_MS: u64 = 500;

/// How long a database that is shut may take to let go of its file: 5 s. It may be writing, or never end.
const PATIENCE: Duration = Duration::from_secs(5);
const NAP: Duration = Duration::from_millis(10);

/// How long an open may take: 2 minutes, and a second for each MiB of the file, all of which it may have to read.
const OPEN_MAX: Duration = Duration::from_mins(2);
const OPENED_PER_SECOND: u64 = 1 << 20;

/// The database of one index directory.
#[derive(Debug)]
pub(crate) struct Database {
    /// None while it is shut. Held for an instant: who asks takes the database with him.
    db: RwLock<Option<Arc<Sled>>>,
    dir: PathBuf,
    hands: Arc<Hands>,
    /// The number of the next run.
    next_run: AtomicU64,
    /// Memory for what was read of filters.
    room: Arc<Room>,
    #[cfg(test)]
    stall: std::sync::Mutex<Option<Stall>>,
}

/// What the next look stands still for: it says that it began, and waits until it is told that it may go on.
#[cfg(test)]
type Stall = (std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>);

/// One opened sled database, which ends with the last one who asks it. None when it was ended.
#[derive(Debug)]
struct Sled(Option<sled::Db>);

impl Sled {
    /// Ends it; returns whether it let go of its files in time.
    fn end(mut self) -> bool {
        self.0.take().is_none_or(|db| let_go(db, PATIENCE))
    }
}

impl Drop for Sled {
    fn drop(&mut self) {
        let _slow = self.0.take().map(|db| let_go(db, PATIENCE));
    }
}

/// A piece as it was found: where it starts, and its value, which is not checked.
#[derive(Debug)]
pub(crate) struct Found {
    key: sled::IVec,
    value: sled::IVec,
}

impl Found {
    /// Returns where the piece starts, where it ends and its payload; none if it is not as it was written.
    pub(crate) fn read(&self) -> Option<(Row, Row, &[u8])> {
        let (end, payload) = piece::read(&self.key, &self.value)?;
        Some((piece::first_of(&self.key)?, end, payload))
    }
}

impl Database {
    /// Opens or creates the database in `dir`; none if it is damaged, if it cannot be opened in time, or if one that was shut does
    /// not let go of it.
    pub(crate) fn open(hands: &Arc<Hands>, dir: &Path) -> Result<Option<Arc<Self>>, IndexError> {
        if !is_let_go(dir)? {
            return Ok(None);
        }
        remove_torn_snapshots(dir)?;
        let config =
            sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
        let bytes = fs::metadata(dir.join("db")).map_or(0, |file| file.len());
        let patience = OPEN_MAX + Duration::from_secs(bytes / OPENED_PER_SECOND);
        match hands.in_time(patience, move || catch_unwind(AssertUnwindSafe(|| config.open()))) {
            Some(Ok(Ok(db))) => {
                let db = RwLock::new(Some(Arc::new(Sled(Some(db)))));
                let (dir, hands) = (dir.to_owned(), Arc::clone(hands));
                Ok(Some(Arc::new(Self {
                    db,
                    dir,
                    hands,
                    next_run: AtomicU64::new(0),
                    room: Room::new(PARTS_BYTES_MAX),
                    #[cfg(test)]
                    stall: std::sync::Mutex::default(),
                })))
            }
            Some(Ok(Err(sled::Error::Io(source)))) if !damage(&source) => {
                Err(IndexError::File { path: dir.to_owned(), source })
            }
            Some(Ok(Err(_)) | Err(_)) | None => Ok(None),
        }
    }

    /// Lets a hand ask, so that who asks does not wait for ever. If a look takes too long this database is shut, with
    /// [`IndexError::Stuck`]: the next one would take as long.
    pub(crate) fn ask<T, E>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<IndexError> + Send + 'static,
    {
        let asked = self.sled().map(|sled| Arc::downgrade(&sled)).unwrap_or_default();
        let asking = Arc::clone(self);
        self.hands.work(move || ask(&asking)).unwrap_or_else(|| Err(self.give_up(&asked).into()))
    }

    /// Returns the memory for what was read of filters.
    pub(crate) const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Returns the threads that look into it.
    pub(crate) const fn hands(&self) -> &Arc<Hands> {
        &self.hands
    }

    /// Lets go of the files, once nobody asks any more. What is asked until there is a new database is refused with
    /// [`IndexError::Shut`].
    pub(crate) fn shut(&self) {
        // Behind the lock: it may take its time.
        drop(self.take());
    }

    /// Whether it is not shut.
    pub(crate) fn is_open(&self) -> bool {
        self.db.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Goes on with another database, of the same directory. No number of a run that this one gave is given again.
    pub(crate) fn replace(&self, new: &Self) {
        self.next_run.fetch_max(new.next_run.load(Ordering::Relaxed), Ordering::Relaxed);
        let db = new.take();
        let old = std::mem::replace(&mut *self.db.write().unwrap_or_else(PoisonError::into_inner), db);
        drop(old);
    }

    /// Removes the database with everything in it.
    pub(crate) fn discard(dir: &Path) -> Result<(), IndexError> {
        match fs::remove_dir_all(dir) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(IndexError::File { path: dir.to_owned(), source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn header(&self) -> Result<Option<Vec<u8>>, IndexError> {
        self.with(|db| Ok(db.get(HEADER)?.map(|value| value.to_vec())))
    }

    pub(crate) fn put_header(&self, header: Vec<u8>) -> Result<(), IndexError> {
        self.with(|db| db.insert(HEADER, header).map(drop))
    }

    /// Returns the rows of the manifest in order.
    pub(crate) fn records(&self) -> Result<Vec<Kept>, IndexError> {
        let kept = |row: sled::Result<(sled::IVec, sled::IVec)>| {
            row.map(|(key, value)| (key.to_vec(), value.to_vec()))
        };
        self.with(|db| db.scan_prefix(manifest::keys()).map(kept).collect())
    }

    /// Changes which runs count. The pieces of those that are added were written before. What it is when only a part of this is
    /// done, [`manifest::runs`] knows: a run counts instead of those whose entries it covers.
    pub(crate) fn switch(&self, added: &[Record], removed: &[Record]) -> Result<(), IndexError> {
        for record in added {
            self.with(|db| db.insert(record.key(), record.value()).map(drop))?;
        }
        // A run that is made again has the key of the one before it.
        let gone = removed.iter().filter(|old| added.iter().all(|new| new.key() != old.key()));
        for record in gone {
            self.with(|db| db.remove(record.key()).map(drop))?;
        }
        Ok(())
    }

    /// Returns a number that no run in the database has.
    pub(crate) fn new_run(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the numbers of all runs that have pieces; later runs get higher ones.
    pub(crate) fn runs(&self) -> Result<Vec<u64>, IndexError> {
        let mut runs = Vec::new();
        let mut from = piece::keys_of(0);
        while let Some((key, _)) = self.with(|db| db.range(from..).next().transpose())? {
            let Some(run) = piece::run_of(&key) else { break };
            runs.push(run);
            let Some(next) = run.checked_add(1) else { break };
            from = piece::keys_of(next);
        }
        if let Some(last) = runs.last() {
            self.pass(*last);
        }
        Ok(runs)
    }

    /// Sees to it that later runs get higher numbers than this one.
    pub(crate) fn pass(&self, run: u64) {
        self.next_run.fetch_max(run.saturating_add(1), Ordering::Relaxed);
    }

    /// Writes one piece, which answers for the rows from `first` on and below `end`.
    pub(crate) fn put(
        &self,
        run: u64,
        kind: Kind,
        (first, end): (&Row, &Row),
        payload: &[u8],
    ) -> Result<(), IndexError> {
        let key = piece::key(run, kind, first);
        let value = piece::value(&key, end, payload);
        self.hands.wrote(value.len());
        self.with(|db| db.insert(key, value).map(drop))
    }

    /// Returns the last piece of a run that starts at a row or before it.
    pub(crate) fn piece_at(&self, run: u64, kind: Kind, row: &Row) -> Result<Option<Found>, IndexError> {
        let range = piece::key(run, kind, &Row::MIN)..=piece::key(run, kind, row);
        self.found(|db| db.range(range).next_back())
    }

    /// Returns the last piece of a run that starts before a row.
    pub(crate) fn piece_before(&self, run: u64, kind: Kind, row: &Row) -> Result<Option<Found>, IndexError> {
        let range = piece::key(run, kind, &Row::MIN)..piece::key(run, kind, row);
        self.found(|db| db.range(range).next_back())
    }

    /// Removes at most `at_most` pieces of a run; returns whether some may be left.
    pub(crate) fn remove_some(&self, run: u64, at_most: usize) -> Result<bool, IndexError> {
        self.with(|db| {
            let keys = db.scan_prefix(piece::keys_of(run)).keys().take(at_most);
            let keys = keys.collect::<sled::Result<Vec<_>>>()?;
            keys.iter().try_for_each(|key| db.remove(key).map(drop))?;
            Ok(keys.len() == at_most)
        })
    }

    /// Writes everything out, so that the directory is complete when the power goes.
    pub(crate) fn close(self: &Arc<Self>) -> Result<(), IndexError> {
        self.ask(|database| database.with(|db| db.flush().map(drop)))?;
        if !self.take().is_none_or(|db| Arc::into_inner(db).is_some_and(Sled::end)) {
            return Err(IndexError::Unclosed { path: self.dir.clone() });
        }
        // sled never syncs its configuration, nor the directory.
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        for path in [self.dir.join("db"), self.dir.join("conf"), self.dir.clone()] {
            sync(&path).map_err(|source| IndexError::File { path: path.clone(), source })?;
        }
        Ok(())
    }

    fn found(
        &self,
        look: impl FnOnce(&sled::Db) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Result<Option<Found>, IndexError> {
        self.with(|db| Ok(look(db).transpose()?.map(|(key, value)| Found { key, value })))
    }

    /// Everything that is asked of sled goes through here. What a database answers that was shut meanwhile says nothing against
    /// the one behind it.
    fn with<T>(&self, ask: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, IndexError> {
        let shut = || IndexError::Shut { path: self.dir.clone() };
        let sled = self.sled().ok_or_else(shut)?;
        let db = sled.0.as_ref().ok_or_else(shut)?;
        let answer = hands::look(|| {
            #[cfg(test)]
            self.stand_still();
            catch_unwind(AssertUnwindSafe(|| ask(db)))
        });
        let answer = answer.ok_or_else(shut)?;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => IndexError::Database(error),
            Err(_) => IndexError::Panicked { path: self.dir.clone() },
        };
        let asked_now = self.sled().is_some_and(|now| Arc::ptr_eq(&now, &sled));
        Err(if asked_now { error } else { shut() })
    }

    /// Shuts the database that was asked, if it is not shut: a look into it did not end.
    fn give_up(&self, asked: &Weak<Sled>) -> IndexError {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        let stuck = db.take_if(|now| Arc::as_ptr(now) == asked.as_ptr());
        drop(db);
        let path = self.dir.clone();
        // Who is at the look has it too, and keeps it for ever.
        stuck.map_or_else(
            || IndexError::Shut { path: path.clone() },
            |_| IndexError::Stuck { path: path.clone() },
        )
    }

    fn take(&self) -> Option<Arc<Sled>> {
        self.db.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn sled(&self) -> Option<Arc<Sled>> {
        self.db.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Drops what may wait for ever, as sled does for threads of its own that panicked; returns whether it ended in time.
fn let_go<T: Send + 'static>(what: T, patience: Duration) -> bool {
    hands::in_time(patience, move || drop(what)).is_some()
}

/// Whether no database of this process has the directory open. The lock of the index keeps other processes away.
fn is_let_go(dir: &Path) -> Result<bool, IndexError> {
    let path = dir.join("db");
    let failed = |source| IndexError::File { path: path.clone(), source };
    let file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        result => result.map_err(failed)?,
    };
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(NAP),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Removes snapshots that were being written when the process died or the disk was full: sled would take one for the newest,
/// and refuse. The one before it is there until it has its name.
fn remove_torn_snapshots(dir: &Path) -> Result<(), IndexError> {
    let failed = |source| IndexError::File { path: dir.to_owned(), source };
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    };
    for file in files {
        let file = file.map_err(failed)?;
        if file.file_name().to_string_lossy().ends_with(".generating") {
            fs::remove_file(file.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Whether an I/O error speaks of what is in the files and not of reaching them.
fn damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

/// What tests do to the rows themselves.
#[cfg(test)]
impl Database {
    /// Hands everything to the kernel, as the flusher does.
    pub(crate) fn flush(&self) {
        self.with(|db| db.flush().map(drop)).unwrap();
    }

    /// Asks for as long as `wait` waits.
    pub(crate) fn ask_for_long(&self, wait: impl FnOnce()) -> Result<(), IndexError> {
        self.with(|_| {
            wait();
            Err(sled::Error::Unsupported("what it was asked for".to_owned()))
        })
    }

    /// Lets the next look stand still until the sender is dropped; the receiver hears that it began.
    pub(crate) fn stall(&self) -> (std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>) {
        let (says, begun) = std::sync::mpsc::channel();
        let (go_on, wait) = std::sync::mpsc::channel();
        *self.stall.lock().unwrap() = Some((says, wait));
        (go_on, begun)
    }

    fn stand_still(&self) {
        let stall = self.stall.lock().unwrap().take();
        if let Some((says, wait)) = stall {
            says.send(()).unwrap();
            let _told = wait.recv();
        }
    }

    /// Asks what sled panics over.
    pub(crate) fn panic(&self) -> Result<(), IndexError> {
        self.with(|_| panic!("as over a damaged page"))
    }

    /// Returns all pieces in order.
    pub(crate) fn pieces(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let kept = |(key, value): (sled::IVec, sled::IVec)| (key.to_vec(), value.to_vec());
        let mut rows =
            self.with(|db| db.iter().map(|row| row.map(kept)).collect::<Result<Vec<_>, _>>()).unwrap();
        rows.retain(|(key, _)| piece::run_of(key).is_some());
        rows
    }

    /// Puts any value in the place of a piece, or none.
    pub(crate) fn spoil(&self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => self.with(|db| db.insert(key, value).map(drop)).unwrap(),
            None => self.with(|db| db.remove(key).map(drop)).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Ends when it is told to.
    struct Slow(mpsc::Receiver<()>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let _told = self.0.recv();
        }
    }

    #[test]
    fn what_does_not_end_is_waited_for_and_then_left_alone() {
        let (tell, told) = mpsc::channel();
        assert!(!let_go(Slow(told), Duration::ZERO));
        drop(tell);
        let (tell, told) = mpsc::channel();
        drop(tell);
        assert!(let_go(Slow(told), Duration::from_mins(1)));
    }

    #[test]
    fn a_database_is_shut_while_somebody_asks_and_what_he_hears_says_nothing_against_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let hands = Arc::default();
        let database = Database::open(&hands, dir.path()).unwrap().unwrap();
        let (asking, shut) = (Arc::clone(&database), Arc::clone(&database));
        let (asked, begun) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let answer = std::thread::spawn(move || {
            asking.ask_for_long(|| {
                asked.send(()).unwrap();
                told.recv().unwrap();
            })
        });
        begun.recv().unwrap();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            shut.shut();
            ended.send(())
        });
        end.recv_timeout(Duration::from_mins(1)).expect("it waits for who asks");
        assert!(!database.is_open());
        tell.send(()).unwrap();
        let answer = answer.join().unwrap().unwrap_err();
        assert!(matches!(answer, IndexError::Shut { .. }), "{answer}");
        database.replace(&Database::open(&hands, dir.path()).unwrap().unwrap());
        assert!(database.header().unwrap().is_none());
        let answer = database.ask_for_long(|| ()).unwrap_err();
        assert!(matches!(answer, IndexError::Database(_)), "{answer}");
    }
}
