//! JSON in its one form (RFC 8785): no white space, members sorted, numbers as ECMAScript writes them.

use serde_json::Value as Json;

/// Returns a value's one form.
///
/// # Panics
///
/// Never: texts are always JSON.
#[must_use]
pub fn canonical(json: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(json, &mut bytes);
    bytes
}

fn write(json: &Json, bytes: &mut Vec<u8>) {
    match json {
        Json::Null => bytes.extend(b"null"),
        Json::Bool(true) => bytes.extend(b"true"),
        Json::Bool(false) => bytes.extend(b"false"),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => bytes.extend(value.to_string().bytes()),
            (_, Some(value), _) => bytes.extend(value.to_string().bytes()),
            (.., value) => bytes.extend(double(value.unwrap_or_default()).bytes()),
        },
        Json::String(text) => write_text(text, bytes),
        Json::Array(elements) => {
            bytes.push(b'[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                write(element, bytes);
            }
            bytes.push(b']');
        }
        Json::Object(members) => {
            let mut sorted: Vec<(&String, &Json)> = members.iter().collect();
            // By UTF-16 code units (section 3.2.3), which is another order than that of UTF-8 beyond the basic plane.
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            bytes.push(b'{');
            for (at, (name, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                write_text(name, bytes);
                bytes.push(b':');
                write(value, bytes);
            }
            bytes.push(b'}');
        }
    }
}

/// `serde_json` escapes what section 3.2.2.2 escapes, in the same letters, and nothing else.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, text).expect("a text is always JSON");
}

/// `Number::toString` of ECMAScript (section 3.2.2.3): the fewest digits that give the number back, plain from 1e-6 up to 1e21.
fn double(value: f64) -> String {
    if value.abs() < f64::MIN_POSITIVE && value.to_bits().trailing_zeros() >= 63 {
        return "0".to_owned();
    }
    let shortest = shortest(value.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let sign = if value < 0.0 { "-" } else { "" };
    // The point stands behind so many digits.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |number: i32| "0".repeat(usize::try_from(number).unwrap_or(0));
    let at = usize::try_from(point).unwrap_or(0);
    if (count..=21).contains(&point) {
        format!("{sign}{digits}{}", zeros(point - count))
    } else if (1..=21).contains(&point) {
        let (whole, fraction) = digits.split_at_checked(at).unwrap_or((&digits, ""));
        format!("{sign}{whole}.{fraction}")
    } else if (-5..=0).contains(&point) {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let fraction = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        let plus = if point > 0 { "+" } else { "-" };
        format!("{sign}{first}{fraction}e{plus}{}", (point - 1).abs())
    }
}

/// Of two texts of the same length that are as near, ECMAScript takes the even one, and the standard library the larger one.
fn shortest(value: f64) -> String {
    let shortest = format!("{value:e}");
    let digits =
        shortest.split('e').next().map_or(0, |mantissa| mantissa.bytes().filter(u8::is_ascii_digit).count());
    let even = format!("{value:.*e}", digits.saturating_sub(1));
    let same = even.parse::<f64>().is_ok_and(|parsed| parsed.to_bits() == value.to_bits());
    if same { even } else { shortest }
}

#[cfg(test)]
mod tests {
    use super::{canonical, double};
    use serde_json::Value as Json;

    /// RFC 8785, appendix B: IEEE 754 bits, and what ECMAScript writes.
    #[test]
    fn numbers_are_those_of_the_rfc() {
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let written = double(f64::from_bits(bits));
            assert_eq!(written, text);
        }
    }

    /// RFC 8785, section 3.2.3.
    #[test]
    fn members_are_sorted_by_utf_16() {
        let json: Json = serde_json::from_str(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let written = String::from_utf8(canonical(&json)).unwrap();
        let places: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
            .iter()
            .map(|name| written.find(name).unwrap())
            .collect();
        assert!(places.is_sorted(), "{written}");
    }

    /// RFC 8785, section 3.2.2.
    #[test]
    fn texts_and_white_space_are_in_one_form() {
        let json: Json = serde_json::from_str(
            r#"{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                 "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }"#,
        )
        .unwrap();
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(String::from_utf8(canonical(&json)).unwrap(), expected);
    }
}
