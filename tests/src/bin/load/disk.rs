//! The bare disk: one 4 KB write and fdatasync after the other.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sample::Sample;

/// Appends 4 KB and syncs them, again and again, for this long.
pub(crate) fn writes(dir: &Path, time: Duration) -> Sample {
    let path = dir.join("bare-writes");
    let mut file = File::create(&path).expect("a file can be made");
    let block = [0xa5; 4096];
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < time || latencies.is_empty() {
        let begun = Instant::now();
        file.write_all(&block).expect("a file can be written");
        file.sync_data().expect("a file can be synced");
        latencies.push(begun.elapsed());
    }
    let took = start.elapsed();
    std::fs::remove_file(path).expect("a file can be removed");
    Sample::new(took, latencies)
}
