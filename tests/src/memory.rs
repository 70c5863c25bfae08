//! How much memory a process has in use, as the system counts it.

use std::fs;

/// Returns how much memory the process has in use, in bytes; none where the system does not say, or the process has ended.
#[must_use]
pub fn resident(process: u32) -> Option<u64> {
    bytes(process, "VmRSS:")
}

/// Returns the most memory that it had in use since it began or [`forget_peak`], in bytes; none where the system does not say,
/// or the process has ended.
#[must_use]
pub fn peak(process: u32) -> Option<u64> {
    bytes(process, "VmHWM:")
}

/// Starts to look for the most anew. Returns false where the system does not let us.
#[must_use]
pub fn forget_peak(process: u32) -> bool {
    fs::write(format!("/proc/{process}/clear_refs"), "5").is_ok()
}

/// Reads a line of `proc_pid_status(5)`, in kB there.
fn bytes(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let found = status.lines().find_map(|line| line.strip_prefix(name))?;
    found.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}
