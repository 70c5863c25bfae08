//! What a process used: processor time and memory, as the system counts them.

use std::fs;
use std::time::Duration;

/// A process that is watched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Returns this process.
    pub(crate) fn this() -> Self {
        Self(std::process::id())
    }

    /// Returns how much processor time it has used, of all its threads. The kernel counts in 1/100 s.
    pub(crate) fn processor(self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        // The name, in parentheses, may hold blanks.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks =
            |at: usize| rest.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    /// Returns how much memory it has in use, in MiB.
    pub(crate) fn resident(self) -> f64 {
        self.kilobytes("VmRSS:") / 1024.0
    }

    /// Returns the most memory that it had in use since the last [`Process::forget_peak`], in MiB.
    pub(crate) fn peak(self) -> f64 {
        self.kilobytes("VmHWM:") / 1024.0
    }

    /// Starts to look for the peak of memory anew.
    pub(crate) fn forget_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").expect("the system forgets a peak");
    }

    fn kilobytes(self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
    }
}
