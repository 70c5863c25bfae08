//! The known name that is most like one that is not known.

/// The longest name that is compared, in characters: longer ones are not typing errors of short names.
const COMPARED_MAX: usize = 64;

/// Returns the name with the fewest changes (a letter more, less, another, or two swapped), if that is at most a third of its
/// letters; the first of several.
#[must_use]
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let found: Vec<char> = found.chars().take(COMPARED_MAX + 1).collect();
    if found.len() > COMPARED_MAX {
        return None;
    }
    let distances = known.into_iter().map(|name| {
        let letters: Vec<char> = name.chars().collect();
        (distance(&found, &letters), letters.len(), name)
    });
    let near = distances.filter(|(distance, length, _)| *distance <= 1 + length.max(&found.len()) / 3);
    near.min_by_key(|(distance, ..)| *distance).map(|(.., name)| name.to_owned())
}

/// The optimal string alignment distance: three rows of a table, so time and space are bounded by [`COMPARED_MAX`] squared.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut least =
                (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typing_error_finds_its_word() {
        let known = ["max_age", "predicate", "count", "binding"];
        for (typed, meant) in [
            ("max-age", "max_age"),
            ("predicat", "predicate"),
            ("conut", "count"),
            ("Binding", "binding"),
            ("predicates", "predicate"),
        ] {
            assert_eq!(nearest(typed, known).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_like_nothing_finds_nothing() {
        for typed in ["", "quantifier", "x", &"a".repeat(1000)] {
            assert_eq!(nearest(typed, ["predicate", "max_age"]), None, "{typed}");
        }
    }
}
