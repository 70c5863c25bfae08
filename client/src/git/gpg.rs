//! Whether an `OpenPGP` signature holds, as the `gpg` that the user has says.
//!
//! `OpenPGP` is what gpg makes of it: no library that may be used here reads it (docs/evidence.md). The user's own keyring is
//! not asked: it holds whoever ever wrote to the user. Only the keys of a file count, in a home of their own that is removed
//! again, where no setting of the user's is read.

use std::path::Path;
use std::process::{Command, Output};

use super::signature::Unverified;

/// The largest file of public keys.
pub const OPENPGP_KEYS_MAX: usize = 1 << 20;

/// The hashes that count, as `OpenPGP` numbers them (RFC 9580, section 9.5): SHA-2 and SHA-3. gpg itself still calls signatures over
/// SHA-1 good.
const HASHES: [&str; 6] = ["8", "9", "10", "11", "12", "14"];

/// A signature that holds, by one of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Good {
    /// The fingerprint of the key that made it, in upper case hex.
    pub(super) fingerprint: String,
    /// The name that the key bears, as it says itself.
    pub(super) name: String,
}

/// What gpg could not say.
pub(super) enum Problem {
    /// It does not hold.
    Failed(Unverified),
    /// Nobody knows.
    NotChecked(Unverified),
}

/// Checks a signature over these bytes with the keys.
pub(super) fn verify(signed: &[u8], armour: &str, keys: &[u8]) -> Result<Good, Problem> {
    let unable = |why: String| Problem::NotChecked(Unverified::Gpg { why });
    let home =
        tempfile::tempdir().map_err(|error| unable(format!("no temporary folder can be made: {error}")))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = home.path().join(name);
        std::fs::write(&path, bytes).map_err(|error| unable(format!("{}: {error}", path.display())))?;
        Ok(path)
    };
    let (keys, data, signature) =
        (write("keys", keys)?, write("signed", signed)?, write("signature", armour.as_bytes())?);
    let imported = gpg(home.path(), &["--import".as_ref(), keys.as_os_str()]).map_err(unable)?;
    if !imported.status.success() {
        return Err(unable(format!("the keys cannot be read: {}", said(&imported))));
    }
    let verify =
        ["--status-fd".as_ref(), "1".as_ref(), "--verify".as_ref(), signature.as_os_str(), data.as_os_str()];
    let verified = gpg(home.path(), &verify).map_err(unable)?;
    read(&String::from_utf8_lossy(&verified.stdout), verified.status.success())
}

/// Reads the lines for programs (`GnuPG` `doc/DETAILS`, "Format of the --status-fd output"). A good signature is one line
/// `GOODSIG` and one `VALIDSIG`, and nothing that speaks against it: of several signatures none counts.
fn read(status: &str, succeeded: bool) -> Result<Good, Problem> {
    let lines: Vec<Vec<&str>> = status
        .lines()
        .filter_map(|line| Some(line.strip_prefix("[GNUPG:] ")?.split(' ').collect()))
        .collect();
    let find = |word: &str| lines.iter().find(|line| line.first() == Some(&word));
    let why = |why: &str| Unverified::Gpg { why: why.to_owned() };
    if find("BADSIG").is_some() {
        return Err(Problem::Failed(why("its key did not make it over this commit")));
    }
    if find("REVKEYSIG").is_some() {
        return Err(Problem::Failed(Unverified::Revoked));
    }
    if find("NO_PUBKEY").is_some() {
        return Err(Problem::NotChecked(Unverified::NoPublicKey));
    }
    for (word, said) in [("EXPKEYSIG", "its key has expired"), ("EXPSIG", "it has expired")] {
        if find(word).is_some() {
            return Err(Problem::NotChecked(why(said)));
        }
    }
    let signatures = lines.iter().filter(|line| line.first() == Some(&"NEWSIG")).count();
    let valid = find("VALIDSIG");
    if let Some(hash) = valid.and_then(|line| line.get(8)).filter(|hash| !HASHES.contains(hash)) {
        return Err(Problem::NotChecked(Unverified::Gpg {
            why: format!("it is over {}, which counts no longer", hash_name(hash)),
        }));
    }
    match (find("GOODSIG"), valid.and_then(|line| line.get(1))) {
        (Some(good), Some(fingerprint)) if succeeded && signatures <= 1 => Ok(Good {
            fingerprint: (*fingerprint).to_owned(),
            name: good.iter().skip(2).copied().collect::<Vec<_>>().join(" "),
        }),
        _ => Err(Problem::NotChecked(why("gpg does not say that it is good"))),
    }
}

fn hash_name(number: &str) -> String {
    match number {
        "1" => "MD5".to_owned(),
        "2" => "SHA-1".to_owned(),
        "3" => "RIPEMD-160".to_owned(),
        _ => format!("a hash with the number {number}"),
    }
}

/// Runs gpg where no setting of the user's is read, and no agent is started.
fn gpg(home: &Path, arguments: &[&std::ffi::OsStr]) -> Result<Output, String> {
    let mut command = Command::new("gpg");
    command.arg("--homedir").arg(home).args([
        "--no-options",
        "--batch",
        "--no-tty",
        "--quiet",
        "--no-autostart",
        "--no-auto-key-retrieve",
        "--trust-model",
        "always",
    ]);
    command.args(arguments).env("LC_ALL", "C").env_remove("GNUPGHOME");
    command.output().map_err(|error| format!("gpg cannot be run: {error}"))
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().next().unwrap_or("it said nothing").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(hash: &str) -> Result<String, String> {
        let status = format!(
            "[GNUPG:] NEWSIG ann@example.org\n[GNUPG:] GOODSIG 0123456789ABCDEF Ann <ann@example.org>\n\
             [GNUPG:] VALIDSIG AB 2026-11-26 1790000000 0 4 0 22 {hash} 00 CD\n[GNUPG:] TRUST_FULLY 0 pgp\n"
        );
        match read(&status, true) {
            Ok(good) => Ok(format!("{} {}", good.fingerprint, good.name)),
            Err(Problem::NotChecked(why)) => Err(why.to_string()),
            Err(Problem::Failed(why)) => panic!("failed: {why}"),
        }
    }

    #[test]
    fn a_good_signature_over_a_broken_hash_does_not_count() {
        for hash in HASHES {
            assert_eq!(said_of(hash), Ok("AB Ann <ann@example.org>".to_owned()), "{hash}");
        }
        for (hash, expected) in [
            ("1", "it is over MD5, which counts no longer"),
            ("2", "it is over SHA-1, which counts no longer"),
            ("3", "it is over RIPEMD-160, which counts no longer"),
            ("99", "it is over a hash with the number 99, which counts no longer"),
        ] {
            assert_eq!(said_of(hash), Err(expected.to_owned()), "{hash}");
        }
    }
}
