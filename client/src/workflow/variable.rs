//! Variables of a pipeline that the file uses and does not set: they come from the settings of the project.
//!
//! GitLab keeps secrets in such variables. Scripts have variables of their own, which look the same: those that a text
//! assigns, and those that every shell has, are left out, and so is everything in lower case.

use std::collections::BTreeSet;

use super::yaml::Yaml;

/// What GitLab and shells set themselves.
const SET_PREFIXES: [&str; 4] = ["CI_", "GITLAB_", "FF_", "DOCKER_AUTH_"];
const SET: [&str; 24] = [
    "BASH",
    "CI",
    "DEBIAN_FRONTEND",
    "EUID",
    "GITLAB",
    "HOME",
    "HOSTNAME",
    "IFS",
    "LANG",
    "LC_ALL",
    "LINENO",
    "LOGNAME",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PATH",
    "PIPESTATUS",
    "PPID",
    "PWD",
    "RANDOM",
    "SECONDS",
    "SHELL",
    "TMPDIR",
    "USER",
];

/// Returns their names.
pub(super) fn used_and_not_set(document: &Yaml) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    defined(document, &mut set);
    let mut used = BTreeSet::new();
    document.each_text("", &mut |_, text| {
        used.extend(references(text));
        set.extend(assigned(text));
    });
    let comes_from_outside = |name: &&str| {
        !set.contains(name)
            && !SET.contains(name)
            && !SET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    used.into_iter().filter(comes_from_outside).map(str::to_owned).collect()
}

/// The names below `variables`, `secrets` and `id_tokens`, wherever they stand.
fn defined<'a>(value: &'a Yaml, set: &mut BTreeSet<&'a str>) {
    for (key, inner) in value.entries() {
        if matches!(key.as_str(), "variables" | "secrets" | "id_tokens") {
            set.extend(inner.entries().iter().map(|(name, _)| name.as_str()));
        }
        defined(inner, set);
    }
    if let Yaml::List(elements) = value {
        for element in elements {
            defined(element, set);
        }
    }
}

/// `$NAME` and `${NAME}`, but not `$$NAME`, which is the text `$NAME`.
fn references(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('$') {
        if let Some(escaped) = behind.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        found.push(name_at(behind.strip_prefix('{').unwrap_or(behind)));
        rest = behind;
    }
    found.retain(|name| name.len() > 1);
    found
}

/// `NAME=`, at the start of a word.
fn assigned(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | '&' | '|'));
    let named = words.filter_map(|word| {
        let name = name_at(word);
        word.get(name.len()..)?.starts_with('=').then_some(name)
    });
    named.filter(|name| !name.is_empty()).collect()
}

/// The name in upper case that a text starts with; empty if it starts with none.
fn name_at(text: &str) -> &str {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !in_name(c)).unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    let upper = name.starts_with(|c: char| c.is_ascii_uppercase());
    if upper && !name.contains(|c: char| c.is_ascii_lowercase()) { name } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        used_and_not_set(&yaml::read(text.as_bytes()).unwrap()[0]).into_iter().collect()
    }

    #[test]
    fn what_a_file_uses_and_does_not_set_comes_from_the_project() {
        for (text, expected) in [
            ("a: {script: 'npm publish --token $NPM_TOKEN'}", &["NPM_TOKEN"][..]),
            ("a: {script: ['curl -H \"X: ${API_KEY:-none}\" x', 'echo $OTHER']}", &["API_KEY", "OTHER"]),
            ("variables: {TOKEN: $DEPLOY_TOKEN}\na: {script: 'x $TOKEN'}", &["DEPLOY_TOKEN"]),
            ("a: {variables: {K: v}, script: 'x $K $L1'}", &["L1"]),
            ("a: {script: \"PLACE=$(pwd); x $PLACE $PASS\"}", &["PASS"]),
            ("a: {image: '$REGISTRY_IMAGE/x'}", &["REGISTRY_IMAGE"]),
            ("a: {script: '$$PLAIN ${} $ $1 $? $lower $Mixed $X'}", &[]),
            ("a: {script: 'x $CI_JOB_TOKEN $GITLAB_USER_LOGIN $HOME $PATH'}", &[]),
            ("a: {secrets: {DB: {vault: x}}, id_tokens: {T: {aud: x}}, script: 'x $DB $T'}", &[]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
