//! Cuts Rust source into words, without comments, the contents of strings, and tests.

/// One word of Rust source: an identifier or number, or one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The text; `::` is one word.
    pub(super) text: String,
    /// 1-based.
    pub(super) line: usize,
}

/// Leaves out every item marked `#[cfg(test)]`.
pub(super) fn without_tests(words: &[Word]) -> Vec<Word> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let marked = MARK
            .iter()
            .enumerate()
            .all(|(offset, text)| words.get(at + offset).is_some_and(|word| word.text == *text));
        if marked {
            at = end_of_item(words, at + MARK.len());
        } else {
            kept.push(words[at].clone());
            at += 1;
        }
    }
    kept
}

/// Returns where the item that starts at `at` ends: behind its `;`, or behind its closing brace.
fn end_of_item(words: &[Word], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < words.len() {
        match words[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Cuts source into words, without comments and the contents of strings.
pub(super) fn words(source: &str) -> Vec<Word> {
    let text: Vec<char> = source.chars().collect();
    let mut words = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < text.len() {
        let end = match text[at] {
            '/' if text.get(at + 1) == Some(&'/') => end_of_line(&text, at),
            '/' if text.get(at + 1) == Some(&'*') => end_of_block_comment(&text, at),
            '"' => end_of_string(&text, at),
            'r' | 'b' | 'c' if raw_string(&text, at).is_some() => raw_string(&text, at).unwrap_or(at + 1),
            '\'' => end_of_quote(&text, at),
            character if character.is_alphanumeric() || character == '_' => {
                let end = end_of_name(&text, at);
                words.push(Word { text: text[at..end].iter().collect(), line });
                end
            }
            ':' if text.get(at + 1) == Some(&':') => {
                words.push(Word { text: "::".to_owned(), line });
                at + 2
            }
            character if character.is_whitespace() => at + 1,
            sign => {
                words.push(Word { text: sign.to_string(), line });
                at + 1
            }
        };
        line += text[at..end].iter().filter(|character| **character == '\n').count();
        at = end;
    }
    words
}

fn end_of_line(text: &[char], mut at: usize) -> usize {
    while at < text.len() && text[at] != '\n' {
        at += 1;
    }
    at
}

fn end_of_name(text: &[char], mut at: usize) -> usize {
    while at < text.len() && (text[at].is_alphanumeric() || text[at] == '_') {
        at += 1;
    }
    at
}

/// Block comments nest in Rust.
fn end_of_block_comment(text: &[char], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < text.len() {
        let pair = (text[at], text.get(at + 1).copied());
        match pair {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn end_of_string(text: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// Returns where a raw string that starts at `at` ends; none if no raw string starts there.
fn raw_string(text: &[char], mut at: usize) -> Option<usize> {
    while matches!(text.get(at), Some('b' | 'c')) {
        at += 1;
    }
    if text.get(at) != Some(&'r') {
        return None;
    }
    at += 1;
    let hashes = text[at..].iter().take_while(|character| **character == '#').count();
    at += hashes;
    if text.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < text.len() {
        let closes = text[at] == '"'
            && text[at + 1..].iter().take(hashes).filter(|character| **character == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(at)
}

/// A quote starts a character or a lifetime; only the first has an end.
fn end_of_quote(text: &[char], at: usize) -> usize {
    match (text.get(at + 1), text.get(at + 2)) {
        (Some('\\'), _) => {
            let mut end = at + 3;
            while end < text.len() && text[end] != '\'' {
                end += 1;
            }
            (end + 1).min(text.len())
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at + 1,
    }
}
