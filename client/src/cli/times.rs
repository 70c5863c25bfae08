//! Sizes and times as users write them.

use custody_client::ledger::{At, Moment};
use custody_log::{LeafIndex, Timestamp};

/// Reads `--at`: a tree size or a time.
pub(crate) fn at(text: &str) -> Result<At, String> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let size: custody_log::TreeSize = text.parse().map_err(|error| format!("{error}"))?;
        return if size.get() == 0 {
            Err("the tree of size 0 is empty".to_owned())
        } else {
            Ok(At::Size(size))
        };
    }
    time(text).map(At::Time)
}

/// Reads `--recorded-since` and `--recorded-until`: `index:N` or a time.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    match text.strip_prefix("index:") {
        Some(index) => index.parse::<LeafIndex>().map(Moment::Index).map_err(|error| format!("{error}")),
        None => time(text).map(Moment::Time),
    }
}

/// Reads a time: RFC 3339.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|error| {
        let relative = text == "yesterday"
            || text == "now"
            || text.contains("ago")
            || (text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(['s', 'm', 'h', 'd', 'w']));
        if relative {
            format!("relative times such as {text:?} are not supported yet: write a time like 2026-11-22T20:31:24Z")
        } else {
            format!("{error}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_times() {
        assert!(matches!(at("1043"), Ok(At::Size(size)) if size.get() == 1043));
        assert!(matches!(at("2026-11-22T20:31:24Z"), Ok(At::Time(_))));
        assert!(matches!(moment("index:7"), Ok(Moment::Index(index)) if index.get() == 7));
        assert!(matches!(moment("2026-11-22T20:31:24+01:00"), Ok(Moment::Time(_))));
    }

    #[test]
    fn refuses_and_says_which_form_is_expected() {
        assert_eq!(at("0").unwrap_err(), "the tree of size 0 is empty");
        for relative in ["2h", "3.days.ago", "yesterday"] {
            let said = time(relative).unwrap_err();
            assert!(said.contains("not supported yet"), "{said}");
        }
        assert!(time("tomorrowish").unwrap_err().contains("2026-11-22T20:31:24.120394Z"));
        assert!(moment("index:-1").is_err());
    }
}
