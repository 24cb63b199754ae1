//! The countries that a region can be: ISO 3166-1, two letters each.

use toml::Spanned;

use super::Linter;
use crate::finding::Code;
use crate::nearest::did_you_mean;

/// As of 2026; in alphabetical order.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// What countries are called by mistake.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("EL", "GR"),
    ("SU", "RU"),
    ("UAE", "AE"),
    ("UK", "GB"),
    ("USA", "US"),
];

/// What has members, each with a code of its own.
const GROUPS: [&str; 5] = ["APAC", "EEA", "EFTA", "EMEA", "EU"];

impl Linter<'_> {
    pub(super) fn region(&mut self, region: &Spanned<String>) {
        let named = region.get_ref().as_str();
        let mut countries = COUNTRIES.split(' ');
        if countries.any(|it| it == named) {
            return;
        }
        let upper = named.trim().to_uppercase();
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == upper);
        let meant = match other {
            Some((_, meant)) => did_you_mean(meant, [*meant]),
            None => did_you_mean(&upper, COUNTRIES.split(' ')),
        };
        let message = match meant {
            _ if GROUPS.contains(&upper.as_str()) => {
                format!("`{named}` is a group of countries: name its members one by one")
            }
            Some(question) => format!("`{named}` is no country code: {question}"),
            None => {
                format!("`{named}` is no country code: a region is one of ISO 3166-1, such as US")
            }
        };
        self.find(Code::MalformedRegion, region, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_country_has_two_letters_and_stands_once() {
        let countries: Vec<_> = COUNTRIES.split(' ').collect();
        assert_eq!(countries.len(), 249);
        assert!(countries.is_sorted_by(|one, other| one < other));
        let is_code = |it: &&str| it.len() == 2 && it.bytes().all(|it| it.is_ascii_uppercase());
        assert!(countries.iter().all(is_code));
        for (name, meant) in OTHER_NAMES {
            assert!(!countries.contains(&name), "{name}");
            assert!(countries.contains(&meant), "{meant}");
        }
    }
}
