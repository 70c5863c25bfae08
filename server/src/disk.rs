//! How full the disk is, and what is refused first.
//!
//! ```text
//! free bytes   | above the watermark | above the reserve                  | less
//! recording    | taken               | taken                              | refused: disk_full
//! uploads      | taken               | refused: disk_full                 | refused: disk_full
//! health       | custody.disk serves | custody.disk does not, and the log says so
//! ```
//!
//! The journal looks at the reserve itself before each batch, so the store never meets a full disk; here is what
//! comes before that. An upload counts from its first byte, with all that it announced.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::journal::Files;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// An upload is on the disk twice for a moment: as it came, and in the journal.
const COPIES: u64 = 2;

/// The disk that holds the log.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
    files: Arc<dyn Files>,
    watermark: u64,
    /// What uploads that are under way will still need.
    promised: AtomicU64,
    low: watch::Sender<bool>,
}

/// Room on the disk for one upload, until it is dropped.
#[derive(Debug)]
pub struct Promise {
    disk: Arc<Disk>,
    bytes: u64,
}

/// Less than the watermark would stay free.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{available} bytes are free on the disk, {needed} are needed and uploads are refused below {watermark}"
)]
pub struct DiskLow {
    /// Free bytes, without what other uploads will need.
    pub available: u64,
    /// Bytes that the upload needs.
    pub needed: u64,
    /// Bytes below which uploads are refused.
    pub watermark: u64,
}

impl Disk {
    /// Watches the disk that holds `dir`. A watermark below the reserve of the journal would never be met: the larger
    /// one of both counts.
    #[must_use]
    pub fn new(dir: PathBuf, files: Arc<dyn Files>, reserve: u64, watermark: u64) -> Arc<Self> {
        let (watermark, promised) = (watermark.max(reserve), AtomicU64::new(0));
        Arc::new(Self { dir, files, watermark, promised, low: watch::channel(false).0 })
    }

    /// Makes room for an upload of this length.
    pub fn promise(self: &Arc<Self>, length: u64) -> Result<Promise, DiskLow> {
        let needed = length.saturating_mul(COPIES);
        let before = self.promised.fetch_add(needed, Ordering::Relaxed);
        // Dropped again if there is no room.
        let promise = Promise { disk: Arc::clone(self), bytes: needed };
        let available = self.available().saturating_sub(before);
        if available < needed.saturating_add(self.watermark) {
            return Err(DiskLow { available, needed, watermark: self.watermark });
        }
        Ok(promise)
    }

    /// Returns a receiver of whether less is free than the watermark.
    #[must_use]
    pub fn low(&self) -> watch::Receiver<bool> {
        self.low.subscribe()
    }

    /// Looks at the disk again and again, and says in the log when it gets low, and when it no longer is.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let this = Arc::clone(&self);
            // A network disk may take its time.
            if tokio::task::spawn_blocking(move || this.look()).await.is_err() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn look(&self) {
        let (available, watermark) = (self.available(), self.watermark);
        let low = available < watermark;
        if self.low.send_if_modified(|before| std::mem::replace(before, low) != low) {
            if low {
                tracing::warn!(
                    available,
                    watermark,
                    "the disk is nearly full: uploads are refused, then recording; make room or give it a larger disk"
                );
            } else {
                tracing::info!(available, watermark, "the disk has room again");
            }
        }
    }

    /// If the disk does not say how full it is, its own answer to a write has to do.
    fn available(&self) -> u64 {
        self.files.available(&self.dir).unwrap_or(u64::MAX)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.disk.promised.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::DiskFiles;

    /// A disk with some of its bytes left above the watermark. Other processes write too, so all is in GiB.
    fn disk(left: u64) -> Arc<Disk> {
        let dir = std::env::temp_dir();
        let available = DiskFiles.available(&dir).unwrap();
        Disk::new(dir, Arc::new(DiskFiles), 0, available.saturating_sub(left))
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn uploads_count_with_all_that_they_announced_until_they_end() {
        let disk = disk(9 * GIB);
        let first = disk.promise(2 * GIB).unwrap();
        assert!(disk.promise(3 * GIB).is_err(), "4 of 9 GiB are promised, 6 more are not there");
        let second = disk.promise(GIB).unwrap();
        drop((first, second));
        drop(disk.promise(3 * GIB).unwrap());
        assert_eq!(disk.promised.load(Ordering::Relaxed), 0, "a refused one is not counted either");
    }

    #[test]
    fn says_when_less_than_the_watermark_is_free_and_when_it_is_over() {
        let dir = std::env::temp_dir();
        let full = Disk::new(dir.clone(), Arc::new(DiskFiles), 0, u64::MAX);
        let mut low = full.low();
        full.look();
        assert!(low.has_changed().unwrap() && *low.borrow_and_update());
        full.look();
        assert!(!low.has_changed().unwrap(), "said once");
        let empty = Disk::new(dir, Arc::new(DiskFiles), 0, 0);
        empty.look();
        assert!(!*empty.low().borrow());
    }

    #[test]
    fn the_watermark_is_never_below_the_reserve() {
        let disk = Disk::new(std::env::temp_dir(), Arc::new(DiskFiles), u64::MAX / 2, 7);
        assert!(matches!(disk.promise(1), Err(DiskLow { watermark, .. }) if watermark == u64::MAX / 2));
    }
}
