//! What a disk holds after some steps: for a process that was killed, and after a power failure.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::Op;

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
            Op::Cut(id, length) => cut(self.contents.get_mut(id).unwrap(), *length),
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
            _ => {}
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

/// What the page cache shows, and what is on the disk.
#[derive(Debug)]
struct Replay {
    cache: Image,
    disk: Image,
    /// Writes that the next sync of a file puts on the disk.
    dirty: HashMap<usize, Vec<(u64, Vec<u8>)>>,
}

impl Replay {
    fn of(ops: &[Op], from: &Path) -> Self {
        let mut replay = Self { cache: Image::new(), disk: Image::new(), dirty: HashMap::new() };
        for op in ops {
            replay.apply(op, from);
        }
        replay
    }

    fn apply(&mut self, op: &Op, from: &Path) {
        self.cache.apply(from, op);
        match op {
            Op::Write(id, offset, bytes) => {
                self.dirty.entry(*id).or_default().push((*offset, bytes.clone()));
            }
            Op::Sync(id) => self.sync(*id),
            Op::Cut(id, length) => {
                self.sync(*id);
                cut(self.disk.contents.entry(*id).or_default(), *length);
            }
            Op::SyncLost(id) => {
                self.dirty.remove(id);
            }
            Op::Forgot(id) => {
                let durable = self.disk.contents.get(id).cloned().unwrap_or_default();
                self.cache.contents.insert(*id, durable);
            }
            // The folder above is always there.
            Op::SyncDir(path) if path.starts_with(from) => {
                let dir = self.cache.dir(from, path);
                self.disk.dirs.insert(dir, self.cache.dirs[&dir].clone());
            }
            _ => {}
        }
    }

    fn sync(&mut self, id: usize) {
        let durable = self.disk.contents.entry(id).or_default();
        for (offset, bytes) in self.dirty.remove(&id).unwrap_or_default() {
            write(durable, offset, &bytes);
        }
    }
}

/// Cuts the contents of a file.
pub(super) fn cut(file: &mut Vec<u8>, length: u64) {
    file.resize(length as usize, 0);
}

/// Writes bytes into the contents of a file.
pub(super) fn write(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    file.resize(file.len().max(end), 0);
    file[start..end].copy_from_slice(bytes);
}

/// Writes what a killed process leaves: everything that was done.
pub(crate) fn after_kill(ops: &[Op], from: &Path, to: &Path) {
    Replay::of(ops, from).cache.write_to(0, to);
}

/// Writes what a power failure may leave at the worst: names and contents that were synced, nothing else, but
/// of the last write the part that `torn` says, in thousandths from its start.
pub(crate) fn after_power_failure(ops: &[Op], torn: usize, from: &Path, to: &Path) {
    let mut disk = Replay::of(ops, from).disk;
    if let Some(Op::Write(id, offset, bytes)) = ops.last() {
        write(disk.contents.entry(*id).or_default(), *offset, &bytes[..bytes.len() * torn / 1000]);
    }
    disk.write_to(0, to);
}
