//! Reads plain tar files: enough for files with short names.

use std::collections::BTreeMap;

const BLOCK: usize = 512;

/// Returns the regular files of a tar by their path.
pub(crate) fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut at = 0;
    while tar[at] != 0 {
        let header = &tar[at..at + BLOCK];
        let text = |from: usize, to: usize| {
            let field = header[from..to].split(|byte| *byte == 0).next().unwrap();
            std::str::from_utf8(field).unwrap().trim().to_owned()
        };
        let length = usize::from_str_radix(&text(124, 136), 8).unwrap();
        let start = at + BLOCK;
        match header[156] {
            b'0' | 0 => drop(files.insert(text(0, 100), tar[start..start + length].to_vec())),
            b'5' => {}
            other => panic!("{}: type {other} is not read here", text(0, 100)),
        }
        at = start + length.next_multiple_of(BLOCK);
    }
    files
}
