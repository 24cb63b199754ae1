//! The closed word lists a policy and a request may use: categories, purposes, kinds, acts.
//!
//! A word that is not listed cannot be permitted by any policy, and the lists hold no word for
//! selling, trading or renting personal data. That absence is what keeps `disclose.never-sold`.

/// One closed list of dotted keys, in which `a.b` stands for itself and all of `a.b.*`.
#[derive(Debug)]
pub struct Registry {
    keys: &'static [&'static str],
}

/// A key of one registry, as a number that means something in this process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(u8);

/// A set of terms of one registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TermSet(u128);

/// Categories of personal and technical data, spelled as in fideslang 3.1; `user.content.feedback`
/// and `user.device.technical` (browser, system and provider, kept coarse) are added here.
pub static CATEGORIES: Registry = Registry {
    keys: &[
        "system",
        "system.authentication",
        "system.operations",
        "user",
        "user.account",
        "user.account.username",
        "user.authorization",
        "user.authorization.password",
        "user.behavior",
        "user.behavior.purchase_history",
        "user.biometric",
        "user.childrens",
        "user.contact",
        "user.contact.address",
        "user.contact.address.city",
        "user.contact.address.country",
        "user.contact.address.postal_code",
        "user.contact.address.state",
        "user.contact.address.street",
        "user.contact.email",
        "user.contact.organization",
        "user.contact.phone_number",
        "user.content",
        "user.content.feedback",
        "user.content.private",
        "user.demographic",
        "user.demographic.age_range",
        "user.demographic.date_of_birth",
        "user.demographic.gender",
        "user.demographic.language",
        "user.device",
        "user.device.cookie",
        "user.device.cookie_id",
        "user.device.ip_address",
        "user.device.technical",
        "user.financial",
        "user.financial.credit_card",
        "user.government_id",
        "user.health_and_medical",
        "user.health_and_medical.genetic",
        "user.health_and_medical.insurance_beneficiary_id",
        "user.health_and_medical.record_id",
        "user.location",
        "user.name",
        "user.payment",
        "user.privacy_preferences",
        "user.telemetry",
    ],
};

/// Purposes, spelled as in fideslang 3.1. Added here, because fideslang has no key for them:
/// surveys and contests, which need a permission of their own, health care, research, the
/// connection to other services, emergencies that endanger a life, and legal claims, one's own or
/// those of others.
pub static PURPOSES: Registry = Registry {
    keys: &[
        "analytics",
        "analytics.reporting",
        "analytics.reporting.system",
        "essential",
        "essential.emergency",
        "essential.fraud_detection",
        "essential.legal_claims",
        "essential.legal_obligation",
        "essential.service",
        "essential.service.authentication",
        "essential.service.health_care",
        "essential.service.notifications",
        "essential.service.notifications.email",
        "essential.service.notifications.sms",
        "essential.service.operations",
        "essential.service.operations.integration",
        "essential.service.operations.support",
        "essential.service.payment_processing",
        "essential.service.security",
        "functional",
        "functional.research",
        "functional.service",
        "functional.service.improve",
        "functional.storage",
        "marketing",
        "marketing.advertising",
        "marketing.advertising.first_party",
        "marketing.advertising.third_party",
        "marketing.advertising.third_party.targeted",
        "marketing.communications",
        "marketing.communications.contest",
        "marketing.communications.email",
        "marketing.communications.survey",
        "personalize",
        "third_party_sharing",
        "third_party_sharing.legal_obligation",
    ],
};

/// What a recipient can be to the company that shares with it.
pub static RECIPIENT_KINDS: Registry = Registry {
    keys: &[
        "acquirer",
        "advertiser",
        "affiliate",
        "authority",
        "care_provider",
        "carrier",
        "insurer",
        "partner",
        "payment_processor",
        "service_provider",
    ],
};

/// The acts by which a value can reach a collection point.
pub static ACTS: Registry = Registry {
    keys: &[
        "chosen",
        "observed",
        "retrieved",
        "sent",
        "supplied_by_installer",
        "typed",
    ],
};

/// Words that name handing personal data over for gain, in any key.
const SALE_WORDS: [&str; 44] = [
    "barter",
    "broker",
    "brokerage",
    "brokers",
    "buyer",
    "buyers",
    "exchange",
    "exchanged",
    "exchanges",
    "lease",
    "leasing",
    "licence",
    "licenced",
    "licences",
    "license",
    "licensed",
    "licenses",
    "licensing",
    "loan",
    "loans",
    "monetise",
    "monetize",
    "rent",
    "rental",
    "rentals",
    "rented",
    "renting",
    "rents",
    "resale",
    "resell",
    "reseller",
    "sale",
    "sales",
    "sell",
    "seller",
    "selling",
    "sells",
    "sold",
    "swap",
    "swaps",
    "trade",
    "traded",
    "trades",
    "trading",
];

/// Whether a key names a sale, trade or rental of data (`disclose.never-sold`).
///
/// The closed lists already refuse every such key; this only gives the refusal its right name.
#[must_use]
pub fn expresses_sale(key: &str) -> bool {
    key.split(|it: char| !it.is_ascii_alphanumeric())
        .any(|word| {
            SALE_WORDS
                .iter()
                .any(|sale| word.eq_ignore_ascii_case(sale))
        })
}

impl Registry {
    /// The terms of a set below which the list has no other.
    pub(crate) fn leaves_of(&self, set: TermSet) -> impl Iterator<Item = Term> {
        self.terms_of(set).filter(|it| {
            let next = self.keys.get(usize::from(it.0) + 1);
            // The keys are in alphabetical order, so those below a key come right after it.
            !next.is_some_and(|next| is_at_or_below(next, self.key(*it)))
        })
    }

    /// The keys of a set that lie below no other of it: the fewest words that say it.
    pub(crate) fn widest_of(&self, set: TermSet) -> Vec<&'static str> {
        let mut widest: Vec<&'static str> = Vec::new();
        // The keys are in alphabetical order, so a key comes before all below it.
        for term in self.terms_of(set) {
            let key = self.key(term);
            if !widest.iter().any(|it| is_at_or_below(key, it)) {
                widest.push(key);
            }
        }
        widest
    }

    /// The term for a key, or nothing when the key is not in the list.
    #[must_use]
    pub fn term(&self, key: &str) -> Option<Term> {
        let index = self.keys.binary_search(&key).ok()?;
        Some(Term(index as u8))
    }

    /// Every key of the list, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().copied()
    }

    /// The key of a term of this list.
    pub(crate) fn key(&self, term: Term) -> &'static str {
        self.keys[usize::from(term.0)]
    }

    /// The terms of a set, in alphabetical order of their keys.
    pub(crate) fn terms_of(&self, set: TermSet) -> impl Iterator<Item = Term> {
        let terms = self.terms().map(|(term, _)| term);
        terms.filter(move |it| set.contains(*it))
    }

    /// Every term of the list with its key, in alphabetical order.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (Term, &'static str)> {
        let numbered = self.keys.iter().enumerate();
        numbered.map(|(index, key)| (Term(index as u8), *key))
    }

    /// Exactly these keys, or nothing when one of them is not in the list.
    pub fn exactly<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<TermSet> {
        let mut set = TermSet::default();
        for key in keys {
            set.insert(self.term(key)?);
        }
        Some(set)
    }

    /// These keys and all below them: what a permission for them covers.
    pub fn below<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<TermSet> {
        self.related(keys, is_at_or_below)
    }

    /// These keys, all below and all above them: what a prohibition of them touches, since a
    /// request for `user.contact` asks for the e-mail address too.
    pub fn touching<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<TermSet> {
        self.related(keys, |listed, given| {
            is_at_or_below(listed, given) || is_at_or_below(given, listed)
        })
    }

    /// Whether every asked key is one of the listed keys or below one. Nothing covers an unknown
    /// word, and an unknown word among the listed keys covers nothing.
    pub fn covers<'a>(
        &self,
        listed: impl IntoIterator<Item = &'a str>,
        asked: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        let (listed, asked) = (self.below(listed), self.exactly(asked));
        matches!((listed, asked), (Some(listed), Some(asked)) if listed.contains_all(asked))
    }

    /// Whether one of two terms of this registry is the other or lies below it: what
    /// [`Registry::touching`] asks of keys.
    pub(crate) fn touch(&self, one: Term, other: Term) -> bool {
        let [one, other] = [one, other].map(|it| self.key(it));
        is_at_or_below(one, other) || is_at_or_below(other, one)
    }

    fn related<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a str>,
        is_related: impl Fn(&str, &str) -> bool,
    ) -> Option<TermSet> {
        let mut set = TermSet::default();
        for given in keys {
            self.term(given)?;
            for (index, listed) in self.keys.iter().enumerate() {
                if is_related(listed, given) {
                    set.insert(Term(index as u8));
                }
            }
        }
        Some(set)
    }
}

impl TermSet {
    /// No term.
    pub const NONE: TermSet = TermSet(0);

    /// Every term of any registry.
    pub(crate) const ALL: TermSet = TermSet(u128::MAX);

    /// Adds one term.
    pub fn insert(&mut self, term: Term) {
        self.0 |= 1 << term.0;
    }

    /// Whether the term is in the set.
    #[must_use]
    pub fn contains(self, term: Term) -> bool {
        self.0 & (1 << term.0) != 0
    }

    /// Whether every term of `other` is in the set.
    #[must_use]
    pub fn contains_all(self, other: TermSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the two sets share a term.
    #[must_use]
    pub fn intersects(self, other: TermSet) -> bool {
        self.0 & other.0 != 0
    }

    /// The terms that either set has.
    #[must_use]
    pub(crate) fn with(self, other: TermSet) -> TermSet {
        TermSet(self.0 | other.0)
    }

    /// The terms that the other set has not.
    #[must_use]
    pub(crate) fn without(self, other: TermSet) -> TermSet {
        TermSet(self.0 & !other.0)
    }

    /// The terms that both sets have.
    #[must_use]
    pub(crate) fn common(self, other: TermSet) -> TermSet {
        TermSet(self.0 & other.0)
    }

    /// Whether the set has no term.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn is_at_or_below(key: &str, ancestor: &str) -> bool {
    key.strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRIES: [&Registry; 4] = [&CATEGORIES, &PURPOSES, &RECIPIENT_KINDS, &ACTS];

    #[test]
    fn lists_are_sorted_small_and_have_every_parent() {
        for registry in REGISTRIES {
            assert!(registry.keys.is_sorted());
            assert!(registry.keys.len() <= 128, "a set has 128 places");
            for key in registry.keys() {
                if let Some((parent, _)) = key.rsplit_once('.') {
                    assert!(registry.term(parent).is_some(), "{key} has no parent");
                }
            }
        }
    }

    #[test]
    fn no_list_has_a_word_for_a_sale() {
        for key in REGISTRIES.iter().flat_map(|it| it.keys()) {
            assert!(!expresses_sale(key), "{key}");
        }
    }

    #[test]
    fn sale_words_are_found_as_whole_words_only() {
        let cases = [
            ("third_party_sharing.sale", true),
            ("data_broker", true),
            ("Sell-Data", true),
            ("data_licence", true),
            ("list-swap", true),
            ("trademark_office", false),
            ("current_parent", false),
            ("user.behavior.purchase_history", false),
        ];
        for (key, expected) in cases {
            assert_eq!(expresses_sale(key), expected, "{key}");
        }
    }

    #[test]
    fn a_permission_reaches_down_and_a_prohibition_also_up() {
        let contains = |set: TermSet, key| set.contains(CATEGORIES.term(key).unwrap());
        let below = CATEGORIES.below(["user.contact.address"]).unwrap();
        let touching = CATEGORIES.touching(["user.contact.address"]).unwrap();
        let cases = [
            ("user.contact.address", true, true),
            ("user.contact.address.city", true, true),
            ("user.contact", false, true),
            ("user", false, true),
            ("user.contact.email", false, false),
        ];
        for (key, is_below, is_touched) in cases {
            assert_eq!(contains(below, key), is_below, "{key}");
            assert_eq!(contains(touching, key), is_touched, "{key}");
            let [term, address] = [key, "user.contact.address"].map(|it| CATEGORIES.term(it));
            let touch = CATEGORIES.touch(term.unwrap(), address.unwrap());
            assert_eq!(touch, is_touched, "{key}");
        }
        let cookie = CATEGORIES.below(["user.device.cookie"]).unwrap();
        assert!(
            !contains(cookie, "user.device.cookie_id"),
            "a name is not a prefix of letters"
        );
    }

    #[test]
    fn a_listed_key_covers_itself_and_all_below_it() {
        let listed = ["user.contact", "user.name"];
        let cases: [(&[&str], bool); 6] = [
            (&["user.contact"], true),
            (&["user.contact.email", "user.name"], true),
            (&["user.contact.email", "user.device"], false),
            (&["user"], false),
            (&["user.shoe_size"], false),
            (&[], true),
        ];
        for (asked, is_covered) in cases {
            let covers = CATEGORIES.covers(listed, asked.iter().copied());
            assert_eq!(covers, is_covered, "{asked:?}");
        }
        assert!(!CATEGORIES.covers(["user", "user.shoe_size"], ["user.name"]));
    }

    #[test]
    fn an_unknown_key_makes_no_set() {
        assert_eq!(CATEGORIES.exactly(["user.name", "user.shoe_size"]), None);
        assert_eq!(CATEGORIES.below(["user.shoe_size"]), None);
        assert_eq!(CATEGORIES.touching([""]), None);
    }
}
