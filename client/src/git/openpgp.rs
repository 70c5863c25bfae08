//! Whose `OpenPGP` signature it is, as it says itself (RFC 9580, sections 4.2, 5.2 and 6). Nothing of it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest armour that is looked at.
const ARMOUR_MAX: usize = 64 * 1024;

const BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// The packet of a signature (section 5.2), and the subpackets that name its key (5.2.3.12, 5.2.3.35).
const SIGNATURE: u8 = 2;
const ISSUER: u8 = 16;
const ISSUER_FINGERPRINT: u8 = 33;

/// Returns the fingerprint of the key that the first signature in the armour names, or else its key id, in upper case hex as
/// gpg prints them; none if it names none.
pub(super) fn key_named(armour: &str) -> Option<String> {
    let text = armour.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    if armour.len() > ARMOUR_MAX {
        return None;
    }
    // Headers end at an empty line; a checksum may stand last.
    let (_, body) =
        text.replace("\r\n", "\n").split_once("\n\n").map(|(head, body)| (head.len(), body.to_owned()))?;
    let base64: String = body.lines().map(str::trim).filter(|line| !line.starts_with('=')).collect();
    of_packet(&STANDARD.decode(base64).ok()?)
}

fn of_packet(bytes: &[u8]) -> Option<String> {
    let (first, rest) = bytes.split_first()?;
    let (tag, body) = if first & 0x40 == 0 {
        // The older form: the kind in four bits, how long the length is in two.
        let (length, rest) = match first & 3 {
            0 => number(rest, 1)?,
            1 => number(rest, 2)?,
            2 => number(rest, 4)?,
            _ => (rest.len(), rest),
        };
        ((first >> 2) & 0x0f, rest.get(..length)?)
    } else {
        let (length, rest) = length(rest)?;
        (first & 0x3f, rest.get(..length)?)
    };
    if first & 0x80 == 0 || tag != SIGNATURE {
        return None;
    }
    let (version, rest) = body.split_first()?;
    let width = match version {
        4 => 2,
        6 => 4,
        _ => return None,
    };
    // Type and two algorithms, then what is signed, then what is not.
    let (signed, rest) = number(rest.get(3..)?, width)?;
    let (unsigned, behind) = number(rest.get(signed..)?, width)?;
    let areas = [rest.get(..signed)?, behind.get(..unsigned)?];
    let named = |kind| areas.iter().find_map(|area| subpacket(area, kind));
    let fingerprint = named(ISSUER_FINGERPRINT).and_then(|value| value.get(1..));
    fingerprint.or_else(|| named(ISSUER)).map(hex::encode_upper)
}

fn subpacket(area: &[u8], kind: u8) -> Option<&[u8]> {
    let mut rest = area;
    while !rest.is_empty() {
        let (length, behind) = length(rest)?;
        let (packet, next) = behind.split_at_checked(length)?;
        let (found, value) = packet.split_first()?;
        // The highest bit says that who does not know it must refuse.
        if found & 0x7f == kind {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// Reads a length of one, two or five bytes (section 4.2.1).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [first @ 0..=191, rest @ ..] => Some((usize::from(*first), rest)),
        [first @ 192..=223, second, rest @ ..] => {
            Some(((usize::from(*first) - 192) * 256 + usize::from(*second) + 192, rest))
        }
        [255, rest @ ..] => number(rest, 4),
        _ => None,
    }
}

fn number(bytes: &[u8], width: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_at_checked(width)?;
    Some((number.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)), rest))
}
