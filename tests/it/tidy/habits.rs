//! Habits that the code and the texts do not have.

use super::{
    code::lines_naming,
    tree::{File, Finding},
};

/// What no code says, and what to do instead.
const CODE: &[(&[&str], &str)] = &[
    (
        &["#[ignore"],
        "a test that does not run proves nothing: make it run or delete it",
    ),
    (
        &["should_panic"],
        "return the refusal as a value and compare it",
    ),
    (&["todo!", "unimplemented!"], "finish it, or leave it out"),
    (&["dbg!"], "take it out; what must be seen is logged"),
    (&["unsafe"], "find the safe way"),
    (
        &[
            "cfg(feature",
            "cfg!(feature",
            "cfg_attr(feature",
            "all(feature",
            "any(feature",
            "not(feature",
        ],
        "the product has one shape: choose at run time, or part the crate",
    ),
];

/// Marks of work that someone meant to come back to; written in halves, as this file is read too.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

/// Hosts that serve packages and images: a build takes them from where its machine is told to.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("docker", ".io"),
    concat!("docker", ".com"),
    concat!("ghcr", ".io"),
    concat!("gcr", ".io"),
    concat!("quay", ".io"),
    concat!("golang", ".org"),
];

/// Folders that only one machine has.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// Code that is switched off, unfinished, unsafe or of several shapes.
pub(super) fn code(file: &File) -> Vec<Finding> {
    let code = &file.code;
    let rows = CODE.iter();
    rows.flat_map(|(words, advice)| file.findings(lines_naming(code, words), advice))
        .collect()
}

/// Lints of clippy that are allowed or expected without a reason.
pub(super) fn silenced_lints(file: &File) -> Vec<Finding> {
    let code = &file.code;
    let attributes = code.match_indices("#[").chain(code.match_indices("#!["));
    let is_bare = |at: usize| {
        let attribute = code[at..].split(']').next().unwrap_or_default();
        let silences = attribute.contains("allow(") || attribute.contains("expect(");
        silences && attribute.contains("clippy::") && !attribute.contains("reason =")
    };
    let bare = attributes.map(|(at, _)| at).filter(|at| is_bare(*at));
    let lines = bare.map(|at| code[..at].matches('\n').count() + 1);
    file.findings(
        lines,
        "write `reason = \"...\"` into the attribute, or obey the lint",
    )
}

/// Texts that are unfinished, or name a registry or a machine.
pub(super) fn text(file: &File) -> Vec<Finding> {
    let mut findings = file.findings(
        lines_naming(&file.text, UNFINISHED),
        "finish it, or write an issue and name it here",
    );
    if !names_packages_by_host(&file.path) {
        let lines = lines_naming(&file.text, REGISTRIES);
        findings.extend(file.findings(lines, "name the package, not the host that serves it"));
    }
    let lines = file
        .text
        .lines()
        .zip(1..)
        .filter(|(line, _)| names_machine_folder(line));
    let advice = "a path of one machine: make it relative, or an argument";
    findings.extend(file.findings(lines.map(|(_, number)| number), advice));
    findings
}

/// Cargo writes the index into its lock files, and the name of a Go package begins with a host.
fn names_packages_by_host(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".go") || ["Cargo.lock", "go.mod", "go.sum"].contains(&name)
}

/// Whether an absolute path begins in one of the folders; within a longer path the name is no root.
fn names_machine_folder(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|it| it.is_alphanumeric() || "_-.}".contains(it))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{super::planted, *};

    const RUST: &str = "crates/a/src/b.rs";

    #[test]
    fn hidden_unfinished_and_unsafe_code_is_found() {
        for bad in [
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[should_panic(expected = \"no\")]",
            "todo!()",
            "unimplemented!(\"later\")",
            "dbg!(a)",
            "unsafe { a() }",
            "#[unsafe(no_mangle)]",
            "#[cfg(feature = \"a\")]",
            "#[cfg(not(feature = \"a\"))]",
            "if cfg!(feature = \"a\") {}",
        ] {
            assert_eq!(
                planted(code, RUST, &format!("//! A.\n{bad}\n")),
                [2],
                "{bad}"
            );
            assert!(
                planted(code, RUST, &format!("//! A.\n// {bad}\n")).is_empty(),
                "{bad}"
            );
            assert!(planted(code, "a.md", bad).is_empty(), "{bad}");
        }
        for good in [
            "#![forbid(unsafe_code)]",
            "fn ignore() {}",
            "#[cfg(test)]",
            "let todo = 1;",
        ] {
            assert!(planted(code, RUST, good).is_empty(), "{good}");
        }
    }

    #[test]
    fn a_lint_silenced_without_a_reason_is_found() {
        for (text, lines) in [
            ("//! A.\n#[allow(clippy::b)]\n", &[2][..]),
            ("//! A.\n#![allow(missing_docs, clippy::all)]\n", &[2]),
            ("#[expect(clippy::b)]\n", &[1]),
            ("#[allow(\n    clippy::b,\n    // Why.\n)]\n", &[1]),
            ("#[allow(clippy::b, reason = \"why\")]\n", &[]),
            ("#[allow(\n    clippy::b,\n    reason = \"why\"\n)]\n", &[]),
            ("// #[allow(clippy::b)]\n", &[]),
        ] {
            assert_eq!(planted(silenced_lints, RUST, text), lines, "{text}");
        }
    }

    #[test]
    fn texts_of_unfinished_work_hosts_and_machines_are_found() {
        for words in [UNFINISHED, REGISTRIES, MACHINE_FOLDERS] {
            for word in words {
                let line = format!("a\n# see {word} b\n");
                assert_eq!(planted(text, "deploy/values.toml", &line), [2], "{word}");
            }
        }
        for word in MACHINE_FOLDERS {
            assert!(planted(text, "a.md", &format!("https://b.example{word}c")).is_empty());
            assert!(planted(text, "a.md", &format!("\"$HOME{word}c\" .{word}d")).is_empty());
            assert_eq!(planted(text, "a.md", &format!("file://{word}c")), [1]);
        }
        for path in ["Cargo.lock", "a/go.mod", "a/go.sum", "a/main.go"] {
            assert!(planted(text, path, REGISTRIES[0]).is_empty(), "{path}");
        }
        assert!(planted(text, "a.md", &format!("{0}{0}", UNFINISHED[1])).is_empty());
    }
}
