//! Expressions of GitHub Actions (`${{ .. }}`): which secrets they name.
//!
//! Context and secret names do not mind case. `secrets.X` and `secrets['X']` name one; `secrets[..]` with anything else, and
//! `secrets` alone, as in `toJSON(secrets)`, can read all of them. `github.token` is `secrets.GITHUB_TOKEN`.

/// A use of secrets in an expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// The secret with this name, in upper case.
    Named(String),
    /// Any of them.
    Any,
}

/// Returns the uses in a text: in each `${{ .. }}`, or in all of it where the key takes an expression (`if`).
pub(super) fn uses(key: &str, text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    if key == "if" && !text.contains("${{") {
        expression(text, &mut found);
        return found;
    }
    let mut rest = text;
    while let Some((_, inner)) = rest.split_once("${{") {
        let length = length(inner);
        let (inside, behind) = inner.split_at(length);
        expression(inside, &mut found);
        rest = behind;
    }
    found
}

/// Where an expression ends: at the first `}}` outside of its texts, or with the whole.
fn length(text: &str) -> usize {
    let mut in_text = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => in_text = !in_text,
            b'}' if !in_text && text.as_bytes().get(at + 1) == Some(&b'}') => return at,
            _ => {}
        }
    }
    text.len()
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Text(&'a str),
    Other(char),
}

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let behind = if first == '\'' {
            let inside = rest.get(1..).unwrap_or_default();
            // A quote in a text is written twice. No secret has one in its name, so where such a text is cut is all one.
            let (text, behind) = inside.split_once('\'').unwrap_or((inside, ""));
            tokens.push(Token::Text(text));
            behind
        } else if in_name(first) {
            let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let (name, behind) = rest.split_at(end);
            tokens.push(Token::Name(name));
            behind
        } else {
            tokens.push(Token::Other(first));
            rest.get(first.len_utf8()..).unwrap_or_default()
        };
        rest = behind.trim_start();
    }
    tokens
}

fn expression(text: &str, found: &mut Vec<Use>) {
    let tokens = tokens(text);
    for (at, token) in tokens.iter().enumerate() {
        let Token::Name(context) = token else { continue };
        let is_member = at.checked_sub(1).and_then(|before| tokens.get(before)) == Some(&Token::Other('.'));
        if is_member {
            continue;
        }
        let member = match tokens.get(at + 1..).unwrap_or_default() {
            [Token::Other('.'), Token::Name(name), ..]
            | [Token::Other('['), Token::Text(name), Token::Other(']'), ..] => Some(*name),
            _ => None,
        };
        if context.eq_ignore_ascii_case("secrets") {
            found.push(member.map_or(Use::Any, |name| Use::Named(name.to_ascii_uppercase())));
        } else if context.eq_ignore_ascii_case("github")
            && member.is_some_and(|member| member.eq_ignore_ascii_case("token"))
        {
            found.push(Use::Named("GITHUB_TOKEN".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, text: &str) -> Vec<String> {
        let show = |used: &Use| match used {
            Use::Named(name) => name.clone(),
            Use::Any => "*".to_owned(),
        };
        uses(key, text).iter().map(show).collect()
    }

    #[test]
    fn secrets_are_named_in_every_way_that_github_has() {
        for (text, expected) in [
            ("${{ secrets.NPM_TOKEN }}", &["NPM_TOKEN"][..]),
            ("${{secrets.npm_token}}", &["NPM_TOKEN"]),
            ("x ${{ Secrets['A-B'] }} y ${{ secrets [ 'C' ] }}", &["A-B", "C"]),
            ("${{ secrets.A || secrets.B }}", &["A", "B"]),
            ("${{ format('{0}', secrets.A) }}", &["A"]),
            ("${{ format('}}', secrets.A) }}", &["A"]),
            ("${{ github.token }} ${{ github['TOKEN'] }}", &["GITHUB_TOKEN", "GITHUB_TOKEN"]),
            ("${{ toJSON(secrets) }}", &["*"]),
            ("${{ secrets[matrix.name] }}", &["*"]),
            ("${{ secrets[format('A')] }}", &["*"]),
            ("${{ secrets.* }}", &["*"]),
            ("echo $SECRET\necho ${{ secrets.IN_SCRIPT }}", &["IN_SCRIPT"]),
            ("${{ secrets.OPEN", &["OPEN"]),
        ] {
            assert_eq!(found("run", text), expected, "{text}");
        }
        assert_eq!(found("if", "github.ref == 'x' && secrets.A != ''"), ["A"]);
        assert_eq!(found("if", "${{ secrets.A != '' }}"), ["A"]);
    }

    #[test]
    fn what_only_looks_like_a_secret_is_none() {
        for text in [
            "secrets.A",
            "$ {{ secrets.A }}",
            "${{ 'secrets.A' }}",
            "${{ 'it''s secrets.A' }}",
            "${{ env.secrets.A }}",
            "${{ steps.secrets.outputs.x }}",
            "${{ my_secrets.A }}",
            "${{ secrets-x.A }}",
            "${{ github.tokens }} ${{ github.event.token }}",
            "${{ }}",
            "",
        ] {
            assert_eq!(found("run", text), Vec::<String>::new(), "{text}");
        }
    }
}
