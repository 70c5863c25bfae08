//! A disk that keeps a list of all that was done to it, and can fail at any step.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::journal::{DiskFiles, File, Files};

/// One step. Files are numbered, since a name may change hands.
#[derive(Debug, Clone)]
pub(super) enum Op {
    CreateDir(PathBuf),
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    Sync(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// The caller was told that so many entries are safe.
    Acknowledged(u64),
}

/// What a failing step leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    NotPersisted,
    ButPersisted,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    /// Operations, without what the caller was told.
    steps: usize,
    names: HashMap<PathBuf, usize>,
    files: usize,
    fail_at: Option<(usize, Fails)>,
    failed: bool,
}

/// Does everything for real, but for the syncs: nothing cuts the power of the machine that tests.
#[derive(Debug, Clone, Default)]
pub(super) struct Traced {
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
    pub(super) fn failing(at: usize, how: Fails) -> Self {
        let traced = Self::default();
        traced.state.lock().unwrap().fail_at = Some((at, how));
        traced
    }

    /// Fails the next step.
    pub(super) fn fail_next(&self, how: Fails) {
        let mut state = self.state.lock().unwrap();
        state.fail_at = Some((state.steps, how));
    }

    pub(super) fn with_available(bytes: u64) -> Self {
        Self { available: Some(bytes), ..Self::default() }
    }

    pub(super) fn ops(&self) -> Vec<Op> {
        self.state.lock().unwrap().ops.clone()
    }

    pub(super) fn acknowledged(&self, entries: u64) {
        self.state.lock().unwrap().ops.push(Op::Acknowledged(entries));
    }

    pub(super) fn steps(&self) -> usize {
        self.state.lock().unwrap().steps
    }

    pub(super) fn failed(&self) -> bool {
        self.state.lock().unwrap().failed
    }

    /// Does a step, or fails it, if it is its turn.
    fn step<T>(&self, op: Op, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        let fails = state.fail_at.filter(|(at, _)| *at == state.steps).map(|(_, how)| how);
        state.steps += 1;
        if fails.is_some() {
            state.failed = true;
            state.fail_at = None;
        }
        let done = if fails == Some(Fails::NotPersisted) { None } else { Some(act()?) };
        match &op {
            Op::Create(path, id) => {
                state.names.insert(path.clone(), *id);
            }
            Op::Rename(from, to) => {
                if let Some(id) = state.names.remove(from) {
                    state.names.insert(to.clone(), id);
                }
                let moved: Vec<_> =
                    state.names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in moved {
                    let id = state.names.remove(&path).unwrap();
                    let inside = to.join(path.strip_prefix(from).unwrap());
                    state.names.insert(inside, id);
                }
            }
            _ => {}
        }
        state.ops.push(op);
        match (fails, done) {
            (None, Some(done)) => Ok(done),
            _ => Err(io::Error::other("injected")),
        }
    }

    fn file(&self, path: &Path, file: Box<dyn File>) -> Box<dyn File> {
        let id = self.state.lock().unwrap().names.get(path).copied().unwrap_or(usize::MAX);
        Box::new(TracedFile { file, id, disk: self.clone() })
    }
}

impl Files for Traced {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let id = {
            let mut state = self.state.lock().unwrap();
            state.files += 1;
            state.files
        };
        let file = self.step(Op::Create(path.to_owned(), id), || DiskFiles.create(path))?;
        Ok(self.file(path, file))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(path, DiskFiles.open(path)?))
    }
    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(self.file(path, DiskFiles.open_writable(path)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Op::Rename(from.to_owned(), to.to_owned()), || DiskFiles.rename(from, to))
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step(Op::Remove(path.to_owned()), || DiskFiles.remove_file(path))
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.step(Op::Remove(path.to_owned()), || DiskFiles.remove_dir_all(path))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Op::CreateDir(path.to_owned()), || DiskFiles.create_dir(path))
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(Op::SyncDir(path.to_owned()), || Ok(()))
    }
    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        DiskFiles.list(path)
    }
    fn available(&self, path: &Path) -> io::Result<u64> {
        self.available.map_or_else(|| DiskFiles.available(path), Ok)
    }
}

impl File for TracedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let op = Op::Write(self.id, offset, bytes.to_vec());
        self.disk.step(op, || self.file.write_all_at(bytes, offset))
    }
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.step(Op::Sync(self.id), || Ok(()))
    }
}

/// What a name in a directory leads to.
#[derive(Debug, Clone, Copy)]
enum Node {
    Dir(usize),
    File(usize),
}

/// What a disk holds after some steps. Directories are numbered like files: what was synced in one stays in
/// it when it is renamed. The data directory is number 0.
#[derive(Debug, Clone, Default)]
struct Image {
    dirs: HashMap<usize, BTreeMap<String, Node>>,
    contents: HashMap<usize, Vec<u8>>,
}

impl Image {
    fn new() -> Self {
        Self { dirs: HashMap::from([(0, BTreeMap::new())]), contents: HashMap::new() }
    }

    /// Finds the directory at a path below `top`.
    fn dir(&self, top: &Path, path: &Path) -> usize {
        path.strip_prefix(top).unwrap().iter().fold(0, |dir, name| {
            match self.dirs[&dir].get(name.to_str().unwrap()) {
                Some(Node::Dir(below)) => *below,
                other => panic!("{}: {other:?}", path.display()),
            }
        })
    }

    /// Finds the directory that holds a name.
    fn holder(&mut self, top: &Path, path: &Path) -> (&mut BTreeMap<String, Node>, String) {
        let dir = self.dir(top, path.parent().unwrap());
        (self.dirs.get_mut(&dir).unwrap(), path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    fn apply(&mut self, top: &Path, op: &Op) {
        match op {
            Op::CreateDir(path) => {
                let number = self.dirs.len();
                let (names, name) = self.holder(top, path);
                if let Entry::Vacant(vacant) = names.entry(name) {
                    vacant.insert(Node::Dir(number));
                    self.dirs.insert(number, BTreeMap::new());
                }
            }
            Op::Create(path, id) => {
                let (names, name) = self.holder(top, path);
                names.insert(name, Node::File(*id));
                self.contents.insert(*id, Vec::new());
            }
            Op::Write(id, offset, bytes) => write(self.contents.get_mut(id).unwrap(), *offset, bytes),
            Op::Rename(from, to) => {
                let (names, name) = self.holder(top, from);
                let node = names.remove(&name).unwrap();
                let (names, name) = self.holder(top, to);
                names.insert(name, node);
            }
            Op::Remove(path) => {
                let (names, name) = self.holder(top, path);
                names.remove(&name);
            }
            Op::Sync(_) | Op::SyncDir(_) | Op::Acknowledged(_) => {}
        }
    }

    fn write_to(&self, dir: usize, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for (name, node) in self.dirs.get(&dir).into_iter().flatten() {
            match node {
                Node::Dir(below) => self.write_to(*below, &to.join(name)),
                // A name that was synced before its file leads to an empty file.
                Node::File(id) => {
                    std::fs::write(to.join(name), self.contents.get(id).map_or(&[][..], |bytes| bytes))
                        .unwrap();
                }
            }
        }
    }
}

fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    file.resize(file.len().max(end), 0);
    file[start..end].copy_from_slice(bytes);
}

/// Writes what a killed process leaves: everything that was done.
pub(super) fn after_kill(ops: &[Op], from: &Path, to: &Path) {
    let mut image = Image::new();
    for op in ops {
        image.apply(from, op);
    }
    image.write_to(0, to);
}

/// Writes what a power failure may leave at the worst: names and contents that were synced, nothing else, but
/// of the last write the part that `torn` says, in thousandths from its start.
pub(super) fn after_power_failure(ops: &[Op], torn: usize, from: &Path, to: &Path) {
    let (mut cache, mut disk) = (Image::new(), Image::new());
    for op in ops {
        cache.apply(from, op);
        match op {
            Op::Sync(id) => {
                disk.contents.insert(*id, cache.contents[id].clone());
            }
            Op::SyncDir(path) => {
                let dir = cache.dir(from, path);
                disk.dirs.insert(dir, cache.dirs[&dir].clone());
            }
            _ => {}
        }
    }
    if let Some(Op::Write(id, offset, bytes)) = ops.last() {
        write(disk.contents.entry(*id).or_default(), *offset, &bytes[..bytes.len() * torn / 1000]);
    }
    disk.write_to(0, to);
}
