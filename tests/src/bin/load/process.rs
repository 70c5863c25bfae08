//! What a process used: processor time and memory, as the system counts them.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
        self.ticks([11, 12])
    }

    /// Returns how much processor time its children have used that have ended and were waited for.
    fn processor_of_ended_children(self) -> Duration {
        self.ticks([13, 14])
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

    /// Adds fields of `/proc/<id>/stat` (proc(5)), counted from the one after the name.
    fn ticks(self, fields: [usize; 2]) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        // The name, in parentheses, may hold blanks.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks =
            |at: usize| rest.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        Duration::from_millis(fields.into_iter().map(ticks).sum::<u64>() * 10)
    }

    fn kilobytes(self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
    }
}

/// What a program printed and used. However long it runs, it is waited for.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) took: Duration,
    /// Of all its threads.
    pub(crate) processor: Duration,
}

impl Ran {
    /// Runs a program, which must end with code 0. No other child may end meanwhile.
    pub(crate) fn of(mut command: Command) -> Self {
        let before = Process::this().processor_of_ended_children();
        let begun = Instant::now();
        let output = command.stdin(Stdio::null()).output().expect("a program can be started");
        let took = begun.elapsed();
        let processor = Process::this().processor_of_ended_children().saturating_sub(before);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
        Self { stdout: text(&output.stdout), took, processor }
    }
}
