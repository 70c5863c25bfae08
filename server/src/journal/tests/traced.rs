//! A disk that keeps a list of all that was done to it, and fails at the steps that it is told.

mod image;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(crate) use self::image::{after_kill, after_power_failure};
use crate::journal::{DiskFiles, File, Files};

/// What was done. Files are numbered, since a name may change hands.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    CreateDir(PathBuf),
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    /// Cut to a length, with all before it synced.
    Cut(usize, u64),
    Sync(usize),
    /// A sync that failed: what was to be synced never gets to the disk, whatever is synced later.
    SyncLost(usize),
    /// The page cache lost what was not on the disk.
    Forgot(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// The names in a directory were read: every open of a journal begins with it.
    List(PathBuf),
    /// The step before this failed.
    Failed(Kind),
    /// The caller was told that so many entries are safe.
    Acknowledged(u64),
}

impl Op {
    /// Whether something on the disk was changed, or was to be.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Failed(_) | Self::Acknowledged(_) | Self::Forgot(_))
    }
}

/// What steps have in common in the way they fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Name,
    Write,
    Sync,
}

/// What a failing step leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    NotPersisted,
    ButPersisted,
    /// A write that got half way, because the disk is full.
    Halfway,
    /// A sync after which the page cache shows what is on the disk, not what was written.
    Forgotten,
}

impl Kind {
    /// The ways in which such a step fails.
    pub(crate) fn forms(self) -> &'static [Fails] {
        match self {
            Self::Read => &[Fails::NotPersisted],
            Self::Name => &[Fails::NotPersisted, Fails::ButPersisted],
            Self::Write => &[Fails::NotPersisted, Fails::ButPersisted, Fails::Halfway],
            Self::Sync => &[Fails::NotPersisted, Fails::ButPersisted, Fails::Forgotten],
        }
    }

    fn error(self) -> io::Error {
        match self {
            Self::Write => io::ErrorKind::StorageFull.into(),
            Self::Read | Self::Name | Self::Sync => io::Error::other("injected"),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    /// How many steps there were before each operation.
    before: Vec<usize>,
    /// Of each step so far.
    kinds: Vec<Kind>,
    names: HashMap<PathBuf, usize>,
    files: usize,
    plan: BTreeMap<usize, Fails>,
    failed: usize,
    /// What is on the disk of each file, and what the next sync adds.
    durable: HashMap<usize, Vec<u8>>,
    dirty: HashMap<usize, Vec<(u64, Vec<u8>)>>,
}

/// Does everything for real, but for the syncs: nothing cuts the power of the machine that tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traced {
    state: Arc<Mutex<State>>,
    /// How full the disk is said to be.
    available: Option<u64>,
}

#[derive(Debug)]
struct TracedFile {
    file: Box<dyn File>,
    id: usize,
    disk: Traced,
}

impl Traced {
    /// Fails at these steps, counted from 0 over all that is done to the disk.
    pub(crate) fn failing(plan: impl IntoIterator<Item = (usize, Fails)>) -> Self {
        let traced = Self::default();
        traced.state.lock().unwrap().plan = plan.into_iter().collect();
        traced
    }

    /// Fails the next step that changes something.
    pub(crate) fn fail_next(&self, how: Fails) {
        let mut state = self.state.lock().unwrap();
        state.plan.insert(usize::MAX, how);
    }

    pub(crate) fn with_available(bytes: u64) -> Self {
        Self { available: Some(bytes), ..Self::default() }
    }

    pub(crate) fn ops(&self) -> Vec<Op> {
        self.state.lock().unwrap().ops.clone()
    }

    pub(crate) fn acknowledged(&self, entries: u64) {
        self.state.lock().unwrap().log(Op::Acknowledged(entries));
    }

    /// What each step so far was.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.state.lock().unwrap().kinds.clone()
    }

    /// How many steps were done before the first operation of this kind.
    pub(crate) fn steps_before(&self, is: impl Fn(&Op) -> bool) -> usize {
        let state = self.state.lock().unwrap();
        let first = state.ops.iter().position(is).unwrap();
        state.before[first]
    }

    /// How many steps failed.
    pub(crate) fn failed(&self) -> usize {
        self.state.lock().unwrap().failed
    }

    fn read<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        match state.turn(Kind::Read) {
            Some(_) => Err(Kind::Read.error()),
            None => act(),
        }
    }

    /// Does something to a name, or fails it, if it is its turn.
    fn name<T>(&self, op: Op, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        let fails = state.turn(Kind::Name);
        if fails == Some(Fails::NotPersisted) {
            return Err(state.fail(Kind::Name));
        }
        let done = act()?;
        state.rename(&op);
        state.log(op);
        if fails.is_some() { Err(state.fail(Kind::Name)) } else { Ok(done) }
    }

    fn file(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        let id = self.state.lock().unwrap().number(path);
        Box::new(TracedFile { file, id, disk: self.clone() })
    }
}

impl State {
    /// Counts a step and returns how it is to fail, if it is its turn.
    fn turn(&mut self, kind: Kind) -> Option<Fails> {
        let at = self.kinds.len();
        self.kinds.push(kind);
        let next = if kind == Kind::Read { None } else { self.plan.remove(&usize::MAX) };
        let fails = self.plan.remove(&at).or(next);
        self.failed += usize::from(fails.is_some());
        fails
    }

    fn log(&mut self, op: Op) {
        self.before.push(self.kinds.len());
        self.ops.push(op);
    }

    fn fail(&mut self, kind: Kind) -> io::Error {
        self.log(Op::Failed(kind));
        kind.error()
    }

    /// Returns the number of a file. One that was there before this disk is taken to be durable.
    fn number(&mut self, path: &Path) -> usize {
        if let Some(id) = self.names.get(path) {
            return *id;
        }
        self.files += 1;
        self.names.insert(path.to_owned(), self.files);
        self.durable.insert(self.files, std::fs::read(path).unwrap());
        self.files
    }

    /// Keeps book of which file has which name.
    fn rename(&mut self, op: &Op) {
        match op {
            Op::Create(path, id) => {
                self.names.insert(path.clone(), *id);
            }
            Op::Rename(from, to) => {
                if let Some(id) = self.names.remove(from) {
                    self.names.insert(to.clone(), id);
                }
                let moved: Vec<_> =
                    self.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let id = self.names.remove(&path).unwrap();
                    let inside = to.join(path.strip_prefix(from).unwrap());
                    self.names.insert(inside, id);
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, id: usize, offset: u64, bytes: &[u8]) {
        self.dirty.entry(id).or_default().push((offset, bytes.to_vec()));
        self.log(Op::Write(id, offset, bytes.to_vec()));
    }

    fn cut(&mut self, id: usize, length: u64) {
        let durable = self.durable.entry(id).or_default();
        for (offset, bytes) in self.dirty.remove(&id).unwrap_or_default() {
            image::write(durable, offset, &bytes);
        }
        image::cut(durable, length);
        self.log(Op::Cut(id, length));
    }

    fn sync(&mut self, id: usize, fails: Option<Fails>) {
        let dirty = self.dirty.remove(&id).unwrap_or_default();
        if matches!(fails, None | Some(Fails::ButPersisted)) {
            let durable = self.durable.entry(id).or_default();
            for (offset, bytes) in dirty {
                image::write(durable, offset, &bytes);
            }
            self.log(Op::Sync(id));
            return;
        }
        self.log(Op::SyncLost(id));
        let named = self.names.iter().find(|(_, named)| **named == id).map(|(path, _)| path.clone());
        if let (Some(Fails::Forgotten), Some(path)) = (fails, named) {
            std::fs::write(path, self.durable.entry(id).or_default()).unwrap();
            self.log(Op::Forgot(id));
        }
    }
}

impl Files for Traced {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let id = {
            let mut state = self.state.lock().unwrap();
            state.files += 1;
            state.files
        };
        let file = self.name(Op::Create(path.to_owned(), id), || DiskFiles.create(path))?;
        Ok(self.file(path, file))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(path, self.read(|| DiskFiles.open(path))?))
    }
    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(path, self.read(|| DiskFiles.open_writable(path))?))
    }
    fn open_lock(&self, path: &Path) -> io::Result<std::fs::File> {
        self.read(|| DiskFiles.open_lock(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.name(Op::Rename(from.to_owned(), to.to_owned()), || DiskFiles.rename(from, to))
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.name(Op::Remove(path.to_owned()), || DiskFiles.remove_file(path))
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.name(Op::Remove(path.to_owned()), || DiskFiles.remove_dir_all(path))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.name(Op::CreateDir(path.to_owned()), || DiskFiles.create_dir(path))
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.name(Op::SyncDir(path.to_owned()), || Ok(()))
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let listed = self.read(|| DiskFiles.list(path))?;
        self.state.lock().unwrap().log(Op::List(path.to_owned()));
        Ok(listed)
    }
    fn available(&self, path: &Path) -> io::Result<u64> {
        self.read(|| self.available.map_or_else(|| DiskFiles.available(path), Ok))
    }
}

impl File for TracedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.read(|| self.file.read_exact_at(buffer, offset))
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        let fails = state.turn(Kind::Write);
        let written = match fails {
            None | Some(Fails::ButPersisted | Fails::Forgotten) => bytes,
            Some(Fails::Halfway) => &bytes[..bytes.len() / 2],
            Some(Fails::NotPersisted) => &[],
        };
        if !written.is_empty() {
            self.file.write_all_at(written, offset)?;
            state.write(self.id, offset, written);
        }
        if fails.is_some() { Err(state.fail(Kind::Write)) } else { Ok(()) }
    }
    fn length(&self) -> io::Result<u64> {
        self.disk.read(|| self.file.length())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        let fails = state.turn(Kind::Sync);
        state.sync(self.id, fails);
        if fails.is_some() { Err(state.fail(Kind::Sync)) } else { Ok(()) }
    }
    fn cut(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        let fails = state.turn(Kind::Sync);
        if matches!(fails, None | Some(Fails::ButPersisted)) {
            self.file.cut(length)?;
            state.cut(self.id, length);
        }
        if fails.is_some() { Err(state.fail(Kind::Sync)) } else { Ok(()) }
    }
}
