//! How many files the system lets the server have open, and how many connections that leaves room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most connections at once, however many files there may be.
const CONNECTIONS_MAX: usize = 1_024;

/// The fewest connections that a server is of any use with.
const CONNECTIONS_MIN: usize = 16;

/// Files that are kept for the server itself, so that connections never keep it from writing: 64 sealed segments that
/// stay open, 208 requests that are worked on (`transport`) with two files each, and 32 for the journal's tail and
/// slots, the index, the standard streams and what the system takes: 512.
const KEPT: usize = 64 + 2 * 208 + 32;

/// Asks the system for as many open files as it allows, and returns how many connections they leave room for.
#[must_use]
pub fn room_for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wished = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // None is no limit at all. If the system refuses, what it allows now has to do.
    let raised = setrlimit(Resource::Nofile, wished).is_ok();
    let files = if raised { limit.maximum } else { limit.current };
    let connections = connections_with(files);
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            files,
            connections,
            "the limit of open files (ulimit -n) leaves room for few connections"
        );
    }
    connections
}

fn connections_with(files: Option<u64>) -> usize {
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    files.saturating_sub(KEPT).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_the_files_that_the_server_needs_itself() {
        let files = [None, Some(1 << 20), Some(1_536), Some(1_535), Some(1_024), Some(300)];
        assert_eq!(files.map(connections_with), [1_024, 1_024, 1_024, 1_023, 512, 16]);
    }
}
