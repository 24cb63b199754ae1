//! The policy file against its tests: what is enforced is shown on both sides, and the rest is listed.

use super::tree::{File, Finding};

const POLICY: &str = "policies/gupshup-bots.toml";
const FOLDER: &str = "tests/it/clauses/";
const MODULES: [&str; 2] = ["tests/it/clauses.rs", "tests/it/clauses/mod.rs"];

/// The clauses that nothing enforces yet, in the order of the policy file.
pub(super) const NOT_YET_ENFORCED: &[&str] = &[
    "collect.interactions-aggregate",
    "collect.refusal-costs-only-what-needs-it",
    "collect.anonymous-visit",
    "collect.technical-apart",
    "collect.cookies",
    "use.personalize-in-aggregate",
    "use.promotions-agreed",
    "use.periodic-email",
    "disclose.legal-grounds",
    "disclose.objections-reserved",
    "disclose.business-transfer",
    "disclose.aggregates-only-to-partners",
    "disclose.third-party-sites",
    "disclose.advertising-cookies",
    "disclose.anonymized",
    "children.under-13",
    "international.transfer",
    "policy.lawful-use",
    "policy.contact",
];

/// A `[[clause]]` of the policy file, with the line of its key.
struct Clause<'a> {
    line: usize,
    key: &'a str,
    is_enforced: bool,
}

impl Clause<'_> {
    /// The name of its module of tests.
    fn module(&self) -> String {
        self.key.replace(['.', '-'], "_")
    }

    fn finding(&self, advice: String) -> Finding {
        Finding::new(POLICY, self.line, advice)
    }
}

/// Enforced clauses whose tests do not show both sides, or are not compiled.
pub(super) fn untested(files: &[File]) -> Vec<Finding> {
    let declarations: String = files
        .iter()
        .filter(|it| MODULES.contains(&it.path.as_str()))
        .map(|it| it.code.as_str())
        .collect();
    let mut findings = Vec::new();
    for clause in clauses(files).iter().filter(|it| it.is_enforced) {
        let module = clause.module();
        let path = format!("{FOLDER}{module}.rs");
        let Some(file) = files.iter().find(|it| it.path == path) else {
            findings.push(clause.finding(format!("show both sides of {} in {path}", clause.key)));
            continue;
        };
        if !declarations
            .lines()
            .any(|line| line.trim() == format!("mod {module};"))
        {
            findings
                .extend(file.findings([1], &format!("declare `mod {module};` in {}", MODULES[1])));
        }
        let code = &file.code;
        for side in ["fn permits_", "fn refuses_"]
            .into_iter()
            .filter(|it| !code.contains(it))
        {
            findings.extend(file.findings(
                [1],
                &format!("add a test `{side}...`: both sides are shown"),
            ));
        }
    }
    findings
}

/// Differences between the list and the clauses that the policy file does not call enforced.
pub(super) fn unlisted(files: &[File], listed: &[&str]) -> Vec<Finding> {
    let clauses = clauses(files);
    let mut findings = Vec::new();
    for clause in &clauses {
        match (clause.is_enforced, listed.contains(&clause.key)) {
            (true, true) => findings.push(clause.finding(format!(
                "{} is enforced: strike it off NOT_YET_ENFORCED",
                clause.key
            ))),
            (false, false) => findings.push(clause.finding(format!(
                "enforce {} or add it to NOT_YET_ENFORCED",
                clause.key
            ))),
            (true, false) | (false, true) => {}
        }
    }
    let unknown = listed
        .iter()
        .filter(|key| !clauses.iter().any(|it| it.key == **key));
    findings.extend(unknown.map(|key| {
        Finding::new(
            POLICY,
            1,
            format!("no clause is called {key}: strike it off NOT_YET_ENFORCED"),
        )
    }));
    findings
}

/// Tests of clauses that the policy file does not have.
pub(super) fn orphans(files: &[File]) -> Vec<Finding> {
    let modules: Vec<String> = clauses(files).iter().map(Clause::module).collect();
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|it| !MODULES.contains(&it.path.as_str()))
    {
        let Some(name) = file.path.strip_prefix(FOLDER) else {
            continue;
        };
        if !modules.iter().any(|module| name == format!("{module}.rs")) {
            findings.extend(file.findings([1], "name the file for the key of its clause"));
        }
    }
    findings
}

/// The clauses of the policy file; one without a word about it counts as enforced.
fn clauses(files: &[File]) -> Vec<Clause<'_>> {
    let policy = files
        .iter()
        .find(|it| it.path == POLICY)
        .expect("the policy file is there");
    let mut clauses: Vec<Clause> = Vec::new();
    let mut is_inside = false;
    for (line, text) in (1..).zip(policy.text.lines()) {
        if text.starts_with('[') {
            is_inside = text == "[[clause]]";
        } else if let Some(key) = value(text, "key").filter(|_| is_inside) {
            clauses.push(Clause {
                line,
                key,
                is_enforced: true,
            });
        } else if let (Some(enforced), Some(clause)) = (value(text, "enforced"), clauses.last_mut())
        {
            clause.is_enforced = enforced != "not yet";
        }
    }
    clauses
}

/// The text of a line `name = "text"`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix(name)?
        .strip_prefix(" = \"")?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CLAUSES: &str = "[[activity]]\nkey = \"order\"\n\n\
         [[clause]]\nkey = \"use.one-way\"\nenforced = \"by rules\"\n\n[[clause.permit]]\nkey = \"not.one\"\n\n\
         [[clause]]\nkey = \"use.other\"\nenforced = \"not yet\"\n";
    const BOTH_SIDES: &str = "//! A.\nfn permits_this() {}\nasync fn refuses_that() {}\n";
    const DECLARED: &str = "//! A.\nmod use_one_way;\n";
    const TESTS: &str = "tests/it/clauses/use_one_way.rs";

    fn tree(rest: &[(&str, &str)]) -> Vec<File> {
        [(POLICY, TWO_CLAUSES)]
            .iter()
            .chain(rest)
            .map(|(path, text)| File::new(path, text))
            .collect()
    }

    fn said(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_enforced_clause_without_both_sides_is_found() {
        let only_permits = BOTH_SIDES.replace("fn refuses_", "fn forgets_");
        let in_a_comment = BOTH_SIDES.replace("fn permits_", "// fn permits_");
        for (rest, said_of, count) in [
            (vec![(TESTS, BOTH_SIDES), (MODULES[1], DECLARED)], "", 0),
            (vec![(TESTS, BOTH_SIDES), (MODULES[0], DECLARED)], "", 0),
            (
                vec![(MODULES[1], DECLARED)],
                "toml:5: show both sides of use.one-way",
                1,
            ),
            (
                vec![(TESTS, BOTH_SIDES), (MODULES[1], "//! A.\n")],
                "mod use_one_way;",
                1,
            ),
            (
                vec![(TESTS, only_permits.as_str()), (MODULES[1], DECLARED)],
                "fn refuses_",
                1,
            ),
            (
                vec![(TESTS, in_a_comment.as_str()), (MODULES[1], DECLARED)],
                "fn permits_",
                1,
            ),
        ] {
            let findings = said(&untested(&tree(&rest)));
            assert_eq!(findings.len(), count, "{findings:?}");
            assert!(
                findings.iter().all(|it| it.contains(said_of)),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_list_that_differs_from_the_policy_is_found() {
        let files = tree(&[]);
        for (listed, said_of) in [
            (&["use.other"][..], None),
            (&[], Some("toml:12: enforce use.other")),
            (
                &["use.other", "use.one-way"],
                Some("toml:5: use.one-way is enforced"),
            ),
            (
                &["use.other", "use.third"],
                Some("no clause is called use.third"),
            ),
        ] {
            let findings = said(&unlisted(&files, listed));
            assert_eq!(
                findings.len(),
                usize::from(said_of.is_some()),
                "{findings:?}"
            );
            assert!(
                findings
                    .iter()
                    .all(|it| it.contains(said_of.unwrap_or_default())),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn a_test_of_no_clause_is_found() {
        let rest = [
            (TESTS, ""),
            (MODULES[1], ""),
            ("tests/it/clauses/use_third.rs", ""),
        ];
        assert_eq!(said(&orphans(&tree(&rest))).len(), 1);
        assert!(orphans(&tree(&rest[..2])).is_empty());
    }
}
