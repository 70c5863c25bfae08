//! `custody config`: each setting, its value, and where it came from.

use std::fmt::Write as _;

use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::layers::Source;
use super::output::escape_line;

/// Print each setting and where its value came from.
///
/// The order is: flag, environment (`CUSTODY_<FLAG>`), configuration file, default. An empty variable counts as
/// unset. Flags that weaken or move a check are taken from the command line only.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints the settings.
#[expect(clippy::unused_async, reason = "every command has this form")]
pub(crate) async fn run(_args: Args, context: &Context) -> Result<Outcome, Failure> {
    let rows = rows(context);
    if context.output.is_json() {
        let settings: Vec<_> = rows
            .iter()
            .map(|(name, value, source)| json!({ "name": name, "value": value, "source": source }))
            .collect();
        context.output.print_json(&json!({ "settings": settings }))?;
    } else {
        let mut text = String::new();
        for (name, value, source) in rows {
            let value = value.as_deref().unwrap_or("-");
            let _ = writeln!(text, "{name:<15} {}  ({source})", escape_line(value));
        }
        context.output.print(text)?;
    }
    Ok(Outcome::Yes)
}

type Row = (String, Option<String>, String);

fn rows(context: &Context) -> Vec<Row> {
    let mut rows: Vec<Row> = context.globals.iter().map(|one| row(one, context)).collect();
    let known: Vec<&str> = context.globals.iter().map(|one| one.name.as_str()).collect();
    for flag in context.layers.flags().filter(|flag| !known.contains(flag)) {
        if let Some((values, source)) = context.layers.value(flag) {
            rows.push((flag.to_owned(), Some(values.join(", ")), said(source)));
        }
    }
    rows
}

fn row(global: &super::settings::Global, context: &Context) -> Row {
    let source = match context.layers.value(&global.name) {
        _ if global.typed => "flag".to_owned(),
        Some((_, source)) => said(source),
        None if global.value.is_some() => "default".to_owned(),
        None => "not set".to_owned(),
    };
    (global.name.clone(), global.value.clone(), source)
}

fn said(source: &Source) -> String {
    match source {
        Source::Environment(variable) => format!("environment {variable}"),
        Source::File(path) => format!("file {}", path.display()),
    }
}
