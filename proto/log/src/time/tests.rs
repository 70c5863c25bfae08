use super::*;

#[test]
fn a_time_has_one_text() {
    let time = Timestamp::from_micros(1_763_843_484_120_394).unwrap();
    assert_eq!(time.to_string(), "2025-11-22T20:31:24.120394Z");
    assert_eq!(time.to_string().parse(), Ok(time));
    assert_eq!(time.as_seconds(), 1_763_843_484);
    assert_eq!(format!("{time:?}"), "Timestamp(2025-11-22T20:31:24.120394Z)");
    let whole = Timestamp::from_micros(0).unwrap();
    assert_eq!(whole.to_string(), "1970-01-01T00:00:00.000000Z");
}

#[test]
fn times_end_where_four_digits_of_year_do() {
    let latest = Timestamp::from_micros(LATEST_MICROS - 1).unwrap();
    assert_eq!(latest.to_string(), "9999-12-30T21:59:59.999999Z");
    assert_eq!(latest.to_string().parse(), Ok(latest));
    assert_eq!(Timestamp::from_micros(LATEST_MICROS), Err(TimestampError::Range { found: LATEST_MICROS }));
    assert_eq!(Timestamp::from_micros(-1), Err(TimestampError::Range { found: -1 }));
    assert_eq!(latest.plus_micros(1), latest);
    assert_eq!(latest.plus_micros(i64::MAX), latest);
    assert_eq!(latest.plus_micros(i64::MIN).as_micros(), 0);
}

#[test]
fn claimed_times_may_have_any_offset_and_precision() {
    for text in [
        "2025-11-22T20:31:24.12039499Z",
        "2025-11-22T21:31:24.120394+01:00",
        "2025-11-22T15:01:24.120394-05:30",
    ] {
        assert_eq!(
            Timestamp::parse_rfc3339(text).unwrap().to_string(),
            "2025-11-22T20:31:24.120394Z",
            "{text}"
        );
    }
    for text in ["", "2025-11-22", "2025-11-22T20:31:24", "yesterday", "2025-13-01T00:00:00Z"] {
        assert!(Timestamp::parse_rfc3339(text).is_err(), "{text:?}");
    }
}
