use super::*;

#[test]
fn an_index_is_one_less_than_the_size_that_holds_it() {
    let index = LeafIndex::new(41).unwrap();
    let size = index.size_through();
    assert_eq!((size.get(), size.last_index(), size.next_index()), (42, Some(index), index.next()));
    assert!(size.contains(index) && !size.contains(index.next()));
    assert_eq!(TreeSize::ZERO.last_index(), None);
    assert!(!TreeSize::ZERO.contains(LeafIndex::ZERO));
}

#[test]
fn nothing_goes_above_the_largest_position() {
    assert_eq!(LeafIndex::new(MAX + 1), Err(PositionError::TooLarge { found: MAX + 1 }));
    assert_eq!(TreeSize::new(u64::MAX), Err(PositionError::TooLarge { found: u64::MAX }));
    let last = LeafIndex::new(MAX).unwrap();
    assert_eq!((last.next(), last.size_through().get()), (last, MAX));
}

#[test]
fn numbers_have_one_spelling() {
    for good in ["0", "7", "10", "9223372036854775807"] {
        assert_eq!(good.parse::<LeafIndex>().unwrap().to_string(), good);
        assert_eq!(good.parse::<TreeSize>().unwrap().to_string(), good);
    }
    for bad in ["", "00", "07", "+7", "-7", " 7", "7 ", "7\n", "7.0", "0x7", "1e3", "1_000", "\u{667}"] {
        let refused = PositionError::NotDecimal { found: bad.to_owned() };
        assert_eq!(bad.parse::<TreeSize>(), Err(refused));
    }
    assert!(matches!("9223372036854775808".parse::<TreeSize>(), Err(PositionError::TooLarge { .. })));
    assert!(matches!("18446744073709551616".parse::<TreeSize>(), Err(PositionError::NotDecimal { .. })));
}
