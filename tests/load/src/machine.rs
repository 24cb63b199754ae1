//! The machine a run was made on, as far as it tells.

use std::fs;

use serde_json::{Value, json};

/// Processors, memory and kernel of this machine. What cannot be read is null.
pub fn describe() -> Value {
    json!({
        "processors": processors(),
        "processor": field("/proc/cpuinfo", "model name"),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|it| it.trim().to_owned()),
    })
}

/// All there are, whichever of them this process may use.
fn processors() -> Option<usize> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    Some(
        text.lines()
            .filter(|it| it.starts_with("processor\t"))
            .count(),
    )
}

/// The first value of a name in a file of lines `name: value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|it| it.split_once(':'));
    let (_, value) = pairs.find(|(it, _)| it.trim() == name)?;
    Some(value.trim().to_owned())
}
