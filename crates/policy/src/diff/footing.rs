//! What a permission rests on and until when data is kept under it, in words.

/// `resting on CONTRACT, kept for 2 years`.
pub(super) fn resting(footing: &[String]) -> String {
    footing.join(", ")
}

/// How the footings of the same thing changed; the first is the one that an answer rests on.
pub(super) fn changed_footing(before: &[&[String]], after: &[&[String]]) -> String {
    if let ([then], [now]) = (before, after) {
        return replaced(then, now);
    }
    let beyond = |these: &[&[String]], those: &[&[String]]| {
        let more = these.iter().filter(|it| !those.contains(it));
        more.map(|it| resting(it)).collect::<Vec<_>>().join(", or ")
    };
    let first = |them: &[&[String]]| them.first().map_or_else(String::new, |it| resting(it));
    let (gone, come) = (beyond(before, after), beyond(after, before));
    let comes_first = after.first().is_some_and(|it| !before.contains(it));
    let mut changes = Vec::new();
    match (comes_first, come.is_empty()) {
        (true, _) => changes.push(format!("now first {come}")),
        (false, false) => changes.push(format!("now also {come}")),
        (false, true) => {}
    }
    if !gone.is_empty() {
        changes.push(format!("no longer {gone}"));
    }
    if changes.is_empty() {
        let (now, then) = (first(after), first(before));
        changes.push(format!("now first {now}, no longer first {then}"));
    }
    changes.join(", ")
}

/// `now resting on CONSENT instead of CONTRACT, now kept for 3 years instead of for 6 months`.
fn replaced(then: &[String], now: &[String]) -> String {
    let aspects = [
        ("resting on ", "nothing"),
        ("kept ", "without a stated end"),
    ];
    let changes = aspects.map(|(word, nothing)| {
        let told = |footing: &[String]| {
            let mut told = footing.iter().filter_map(|it| it.strip_prefix(word));
            told.next().unwrap_or(nothing).to_owned()
        };
        let (then, now) = (told(then), told(now));
        (then != now).then(|| format!("now {word}{now} instead of {then}"))
    });
    let changes: Vec<_> = changes.into_iter().flatten().collect();
    changes.join(", ")
}
