//! Severities by CVSS: of a score, or of the vector that a score is made of (<https://www.first.org/cvss/>, versions 3.0, 3.1 and 4.0).

use cvss::Cvss;

use super::Severity;

/// The longest vector that is read: one of version 4.0 with every metric has some 200 characters.
const VECTOR_MAX: usize = 512;
/// The base metrics of 3.0 and 3.1.
const BASE_3: [&str; 8] = ["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
/// The base metrics of 4.0.
const BASE_4: [&str; 11] = ["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

impl Severity {
    /// Reads a CVSS score: from 9 critical, from 7 high, from 4 medium, above 0 low (CVSS v3.1, section 5); none if it is no score. Tools
    /// write 0 where they know none.
    pub(super) fn of_score(score: f64) -> Option<Self> {
        match score {
            9.0..=10.0 => Some(Self::Critical),
            7.0..9.0 => Some(Self::High),
            4.0..7.0 => Some(Self::Medium),
            low if low > 0.0 && low < 4.0 => Some(Self::Low),
            _ => None,
        }
    }

    /// Returns the severity that a CVSS vector stands for, such as `CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`; none if the text is no
    /// vector of 3.0, 3.1 or 4.0 with every base metric once.
    ///
    /// The base metrics alone count. The others say that there is no exploit yet, or what a vulnerability means to somebody's own
    /// systems: nobody's report makes a vulnerability less severe for whoever reads it.
    #[must_use]
    pub fn of_vector(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > VECTOR_MAX {
            return None;
        }
        let (version, metrics) = text.split_once('/')?;
        let base: &[&str] = match version {
            "CVSS:3.0" | "CVSS:3.1" => &BASE_3,
            "CVSS:4.0" => &BASE_4,
            _ => return None,
        };
        // What is not known here, or said twice, could mean anything. A metric that is missing counts as nothing with the library.
        text.parse::<Cvss>().ok()?;
        let said: Vec<&str> = metrics.split('/').filter(|metric| base.contains(&name(metric))).collect();
        let all = base.iter().all(|wanted| said.iter().filter(|metric| name(metric) == *wanted).count() == 1);
        let vector: Cvss = format!("{version}/{}", said.join("/")).parse().ok().filter(|_| all)?;
        let score = vector.score();
        Self::of_score(score).or((score.abs() < f64::EPSILON).then_some(Self::Negligible))
    }
}

fn name(metric: &str) -> &str {
    metric.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CRITICAL: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    const CRITICAL_4: &str = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";

    fn score(vector: &str) -> f64 {
        vector.parse::<Cvss>().unwrap().score()
    }

    /// Scores that FIRST publishes for these vectors (its examples, and the calculators of each version).
    #[test]
    fn vectors_have_the_scores_that_first_publishes() {
        for (vector, expected, severity) in [
            (CRITICAL, 9.8, Severity::Critical),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, Severity::Critical),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1, Severity::Medium),
            ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4, Severity::Medium),
            ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1, Severity::Low),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5, Severity::High),
            ("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8, Severity::High),
            ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0, Severity::Negligible),
            (CRITICAL_4, 9.3, Severity::Critical),
            ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 7.3, Severity::High),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", 0.0, Severity::Negligible),
        ] {
            assert!((score(vector) - expected).abs() < 1e-9, "{vector}: {}", score(vector));
            assert_eq!(Severity::of_vector(vector), Some(severity), "{vector}");
        }
    }

    #[test]
    fn what_is_no_whole_vector_has_no_severity() {
        for metric in CRITICAL.split('/').skip(1).chain(CRITICAL_4.split('/').skip(1)) {
            for vector in [CRITICAL, CRITICAL_4] {
                let (without, twice) = (format!("/{metric}"), format!("{vector}/{metric}"));
                let missing = vector.replacen(&without, "", 1);
                if missing != vector {
                    assert_eq!(Severity::of_vector(&missing), None, "{missing}");
                    assert_eq!(Severity::of_vector(&twice), None, "{twice}");
                }
            }
        }
        for vector in [
            "",
            "CVSS:3.1",
            "CVSS:3.1/",
            "AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P",
            "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "cvss:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:Z",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/X:Y",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,5.0",
            "9.8",
        ] {
            assert_eq!(Severity::of_vector(vector), None, "{vector:?}");
        }
        assert_eq!(Severity::of_vector(&format!("{CRITICAL}{}", "/E:U".repeat(200))), None);
    }

    /// A report that says of its own systems that nothing can be reached speaks for nobody else.
    #[test]
    fn no_metric_beside_the_base_makes_a_vector_milder() {
        for vector in [
            format!("{CRITICAL}/E:U/RL:O/RC:U"),
            format!("{CRITICAL}/CR:L/IR:L/AR:L/MAV:P/MAC:H/MPR:H/MUI:R/MS:U/MC:N/MI:N/MA:N"),
            format!("{CRITICAL_4}/E:U"),
            format!("{CRITICAL_4}/MVC:N/MVI:N/MVA:N/CR:L/IR:L/AR:L"),
            format!(" {CRITICAL} "),
        ] {
            assert_eq!(Severity::of_vector(&vector), Some(Severity::Critical), "{vector}");
        }
    }

    #[test]
    fn scores_at_the_bounds_are_of_the_upper_one() {
        use Severity::{Critical, High, Low, Medium};
        for (score, expected) in [
            (10.0, Some(Critical)),
            (9.0, Some(Critical)),
            (8.9, Some(High)),
            (7.0, Some(High)),
            (6.9, Some(Medium)),
            (4.0, Some(Medium)),
            (3.9, Some(Low)),
            (0.1, Some(Low)),
            (0.0, None),
            (-0.1, None),
            (10.1, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(Severity::of_score(score), expected, "{score}");
        }
    }

    proptest! {
        #[test]
        fn hostile_vectors_never_panic(text in "CVSS:[34]\\.[01](/(AV|AC|AT|PR|UI|S|C|I|A|VC|VI|VA|SC|SI|SA|E|MAV):[A-Z]{1,2}){0,14}", noise in ".{0,60}") {
            prop_assert_ne!(Severity::of_vector(&text), Some(Severity::Unknown));
            prop_assert_ne!(Severity::of_vector(&noise), Some(Severity::Unknown));
        }
    }
}
