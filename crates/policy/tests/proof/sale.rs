//! What the linter wants of a permission, so that what is written at random compiles.

/// What a permission must ask for, because the linter takes anything else for a sale in disguise;
/// nothing when the linter takes it for one in any case.
pub fn needed(
    action: &str,
    kinds: &[&str],
    purposes: &[&str],
    categories: &[&str],
) -> Option<Vec<&'static str>> {
    let others = "marketing.advertising.third_party";
    let is_others = |it: &&str| others.starts_with(it) || it.starts_with(others);
    let is_trader = |it: &&str| ["advertiser", "affiliate", "partner"].contains(it);
    let has_cases = |it: &&str| ["acquirer", "authority"].contains(it);
    let is_for_others = purposes.iter().any(is_others);
    if action != "disclose" {
        let consent = is_for_others.then_some("consent = \"for this purpose\"");
        return Some(consent.into_iter().collect());
    }
    if is_for_others || kinds.iter().any(is_trader) {
        return are_figures(categories).then(|| vec![FIGURES]);
    }
    let mut needed = Vec::new();
    if kinds.iter().any(has_cases) {
        if !purposes.iter().all(|it| OF_A_CASE.contains(it)) {
            return None;
        }
        needed.push("approval = true");
    }
    let is_wished = |it: &&str| WISHED.iter().any(|wish| it.starts_with(wish));
    if purposes.iter().any(is_wished) && !kinds.iter().all(has_cases) {
        needed.push("consent = \"for this purpose and recipient\"");
    }
    Some(needed)
}

pub const FIGURES: &str = "aggregate_only = true";

/// What the person must have agreed to.
const WISHED: [&str; 4] = [
    "analytics",
    "marketing",
    "personalize",
    "third_party_sharing",
];

/// What an approved case can be about.
const OF_A_CASE: [&str; 6] = [
    "essential.emergency",
    "essential.fraud_detection",
    "essential.legal_claims",
    "essential.legal_obligation",
    "functional.research",
    "third_party_sharing",
];

/// Whether all of these can be counted without naming anybody.
pub fn are_figures(categories: &[&str]) -> bool {
    let counted = [
        "system",
        "user.behavior",
        "user.content",
        "user.demographic",
    ];
    let is_counted = |it: &&str| counted.iter().any(|counted| it.starts_with(counted));
    categories.iter().all(is_counted)
}
