//! The files of the project as text, from git where there is one and from the folders otherwise.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::code;

/// A text file of the project.
pub(super) struct File {
    /// From the root, with forward slashes.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// Rust without comments and literals, on the same lines; empty for every other file.
    pub(super) code: String,
}

impl File {
    /// A file of this path and text; it need not exist.
    pub(super) fn new(path: &str, text: &str) -> Self {
        let is_rust = path.ends_with(".rs");
        let code = if is_rust {
            code::only(text)
        } else {
            String::new()
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
        }
    }

    /// Whether it is Rust.
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// A finding on each of these lines.
    pub(super) fn findings(
        &self,
        lines: impl IntoIterator<Item = usize>,
        advice: &str,
    ) -> Vec<Finding> {
        lines
            .into_iter()
            .map(|line| Finding::new(&self.path, line, advice))
            .collect()
    }
}

/// A place where an invariant is broken.
pub(super) struct Finding {
    path: String,
    /// From 1.
    pub(super) line: usize,
    advice: String,
}

impl Finding {
    /// A finding with what to do about it.
    pub(super) fn new(path: &str, line: usize, advice: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            advice: advice.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.advice)
    }
}

/// Every text file of the project, in order of path; read once for all checks.
pub(super) static FILES: LazyLock<Vec<File>> = LazyLock::new(files);

fn files() -> Vec<File> {
    let root = root();
    // A tarball unpacked inside another repository is listed by git as nothing, or as ignored.
    let listed = listed(&root).filter(|paths| paths.iter().any(|path| path == "Cargo.toml"));
    let mut paths = listed.unwrap_or_else(|| walked(&root));
    paths.sort();
    paths
        .iter()
        .filter_map(|path| Some(File::new(path, &text(&root.join(path))?)))
        .collect()
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .nth(2)
        .expect("the program's package is two folders deep")
        .to_owned()
}

/// The text of a file, unless it is not text or was deleted since it was listed.
fn text(path: &Path) -> Option<String> {
    fs::read(path)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
}

/// What git tracks or would add, if there is a git that knows this folder.
fn listed(root: &Path) -> Option<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .ok()?;
    let paths = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| paths.split_terminator('\0').map(str::to_owned).collect())
}

/// What a source tarball holds.
fn walked(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project can be read") {
            let path = entry.expect("a folder of the project can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !path.is_dir() {
                let inside = path.strip_prefix(root).expect("the walk began at the root");
                paths.push(inside.to_string_lossy().replace('\\', "/"));
            } else if name == ".ci" || !(name == "target" || name.starts_with('.')) {
                folders.push(path);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_tarball_is_read_like_a_checkout() {
        let walked = walked(&root());
        let missed: Vec<_> = FILES
            .iter()
            .filter(|it| !walked.contains(&it.path))
            .collect();
        assert!(
            missed.is_empty(),
            "only git finds {:?}",
            missed.first().map(|it| &it.path)
        );
    }

    #[test]
    fn the_tree_is_not_empty() {
        for path in [
            ".ci/run",
            "Cargo.toml",
            "services/vow/src/main.rs",
            "tests/it/tidy.rs",
        ] {
            assert!(FILES.iter().any(|it| it.path == path), "{path} is not read");
        }
        assert!(FILES.iter().all(|it| !it.path.starts_with("target/")));
    }

    #[test]
    fn a_finding_can_be_clicked() {
        assert_eq!(
            Finding::new("a/b.rs", 3, "move it").to_string(),
            "a/b.rs:3: move it"
        );
    }
}
