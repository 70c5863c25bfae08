//! The log once more, as slowly and simply as its definitions are written, to compare with.

pub mod journal;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Returns SHA-256 of the bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Returns `sha256:<hex>` of the bytes.
#[must_use]
pub fn digest_text(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    sha256(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing into a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Returns MTH, the root of a Merkle tree, by the recursion of RFC 6962 section 2.1.
#[must_use]
pub fn root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => sha256(&[&[0], leaf.as_slice()].concat()),
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(split);
            sha256(&[&[1][..], &root(left), &root(right)].concat())
        }
    }
}

/// Returns the root at each size from 1 on, by keeping the whole subtrees on the left.
#[must_use]
pub fn roots(leaves: &[Vec<u8>]) -> Vec<Hash> {
    let join = |left: &Hash, right: &Hash| sha256(&[&[1][..], left, right].concat());
    let mut whole: Vec<(usize, Hash)> = Vec::new();
    let mut roots = Vec::new();
    for leaf in leaves {
        whole.push((1, sha256(&[&[0], leaf.as_slice()].concat())));
        while let [.., (left, first), (right, second)] = whole[..] {
            if left != right {
                break;
            }
            whole.truncate(whole.len() - 2);
            whole.push((left + right, join(&first, &second)));
        }
        let hashes = whole.iter().rev().map(|(_, hash)| *hash);
        roots.extend(hashes.reduce(|right, left| join(&left, &right)));
    }
    roots
}

/// Returns the value of one line of an entry, such as `previous`.
#[must_use]
pub fn entry_line<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// Returns the first index whose entry does not name its own place and the digest of the entry before.
#[must_use]
pub fn broken_link(entries: &[Vec<u8>]) -> Option<usize> {
    let mut previous = "none".to_owned();
    for (index, bytes) in entries.iter().enumerate() {
        let entry = String::from_utf8_lossy(bytes);
        let in_place = entry_line(&entry, "index") == Some(&index.to_string());
        if !in_place || entry_line(&entry, "previous") != Some(&previous) {
            return Some(index);
        }
        previous = digest_text(bytes);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_rfc_6962_examples() {
        let leaf = |bytes: &[u8]| bytes.to_vec();
        assert_eq!(digest_text(b"")[7..15], *"e3b0c442");
        let two = [leaf(b""), leaf(b"\0")];
        let expected = sha256(&[&[1][..], &sha256(b"\0"), &sha256(b"\0\0")].concat());
        assert_eq!(root(&two), expected);
    }

    #[test]
    fn the_roots_of_all_sizes_are_those_of_the_recursion() {
        let leaves: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number]).collect();
        let all = roots(&leaves);
        for (size, found) in (1..).zip(all) {
            assert_eq!(found, root(&leaves[..size]), "size {size}");
        }
    }

    #[test]
    fn a_broken_link_is_found() {
        let first = b"index 0\nprevious none\n".to_vec();
        let second = format!("index 1\nprevious {}\n", digest_text(&first)).into_bytes();
        assert_eq!(broken_link(&[first.clone(), second.clone()]), None);
        assert_eq!(broken_link(&[second.clone(), first.clone()]), Some(0));
        assert_eq!(broken_link(&[first.clone(), first]), Some(1));
    }
}
