//! `applies_to`: what the policy is not for is denied, by name.

use super::Case;
use super::built::Built;
use crate::policy::AppliesTo;
use crate::verdict::{RuleResult, Status};

impl Case<'_> {
    /// Whether the policy is for what is asked; nothing is said if it is for everything.
    pub(super) fn applies(&self) -> Option<RuleResult> {
        let applies = &self.policy.applies_to;
        if *applies == AppliesTo::default() {
            return None;
        }
        let problem = self.other_environment(applies).or_else(|| self.other_repository(applies));
        let (status, message) = match problem {
            Some(message) => (Status::Fail, message),
            None => (Status::Pass, "applies".to_owned()),
        };
        Some(RuleResult::own("applies_to", status, message))
    }

    fn other_environment(&self, applies: &AppliesTo) -> Option<String> {
        let asked = self.question.environment.as_ref();
        let fits = applies.environments.is_empty()
            || asked.is_some_and(|asked| applies.environments.contains(asked));
        let named = || asked.map_or("none asked about", String::as_str);
        (!fits).then(|| format!("not_for_environment: {}", named()))
    }

    /// The repository is the one that provenance names. Whether that can be believed is what the rules ask.
    fn other_repository(&self, applies: &AppliesTo) -> Option<String> {
        if applies.repositories.is_empty() {
            return None;
        }
        let built: Vec<Built> = self.provenance().filter_map(Built::of).collect();
        let fits = |built: &Built| {
            let fits = |found| applies.repositories.iter().any(|pattern| pattern.fits(found));
            !built.repositories.is_empty() && !built.unreadable && built.repositories.iter().all(fits)
        };
        if built.iter().any(fits) {
            return None;
        }
        let other = built.iter().flat_map(|built| &built.repositories).next();
        Some(format!(
            "not_for_repository: {}",
            other.map_or_else(|| "no provenance names one".to_owned(), ToString::to_string)
        ))
    }
}
