//! The faults of what stands above the clauses: dates, notices, addresses.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::value::Datetime;

use super::{KEY_FORM, Linter, is_key};
use crate::finding::Code;
use crate::language::{Announcement, Header};
use crate::nearest::distance;

/// The shortest label that is compared with another: shorter ones are alike by chance.
const LABEL_LENGTH_MIN: usize = 5;

/// From how many letters on two of them may differ.
const LABEL_LENGTH_LONG: usize = 10;

/// The years in which a policy can be revised or begin to hold.
const YEARS: RangeInclusive<u16> = 1970..=2100;

impl<'a> Linter<'a> {
    pub(super) fn header(&mut self, header: &'a Header) {
        if !is_key(header.name.get_ref()) {
            self.find(Code::MalformedKey, &header.name, KEY_FORM);
        }
        self.day(&header.revised);
        if let Some(effective) = &header.effective {
            self.day(effective);
            if effective.get_ref().to_string() < header.revised.get_ref().to_string() {
                let message = format!(
                    "the text holds from a day before that of its revision, {}",
                    header.revised.get_ref()
                );
                self.find(Code::DatesDisagree, effective, message);
            }
        }
        self.region(&header.storage_region);
        if let Some(site) = header
            .site
            .as_ref()
            .filter(|it| host(it.get_ref()).is_none())
        {
            let message =
                "write the address of the policy, such as https://www.example.org/privacy";
            self.find(Code::MalformedSite, site, message);
        }
        for contact in [Some(&header.contact), header.officer.as_ref()]
            .into_iter()
            .flatten()
        {
            self.contact(header, contact);
        }
    }

    fn day(&mut self, date: &Spanned<Datetime>) {
        let value = date.get_ref();
        let is_day = value.time.is_none() && value.offset.is_none();
        let Some(day) = value.date.filter(|_| is_day) else {
            let message = "write a day such as 2016-06-21";
            return self.find(Code::MalformedDate, date, message);
        };
        if !YEARS.contains(&day.year) {
            let message = format!(
                "no policy is of the year {}: write one from {} to {}",
                day.year,
                YEARS.start(),
                YEARS.end()
            );
            self.find(Code::MalformedDate, date, message);
        }
    }

    fn contact(&mut self, header: &Header, contact: &Spanned<String>) {
        let Some(domain) = domain(contact.get_ref()) else {
            let message = "write an e-mail address or an https address";
            return self.find(Code::MalformedContact, contact, message);
        };
        let site = header.site.as_ref().and_then(|it| host(it.get_ref()));
        let site = site.filter(|it| is_nearly(domain, it));
        // A title is prose, whose words are near to many a domain by chance.
        let name = Some(header.name.get_ref().as_str());
        let lower = domain.to_ascii_lowercase();
        let name = name.filter(|it| lower.split('.').any(|label| is_misspelt(label, it)));
        if let Some(meant) = site.or(name) {
            let message = format!("`{domain}` is nearly `{meant}`: is it misspelt?");
            self.find(Code::ContactMisspelt, contact, message);
        }
    }

    /// What a clause says about revisions must agree with the header.
    pub(super) fn announcement(&mut self, announces: &'a Announcement) {
        let header = &self.file.policy;
        if let Some(named) = &announces.revised {
            self.day(named);
            let revised = header.revised.get_ref();
            if named.get_ref() != revised {
                let message = format!("the policy was revised on {revised}");
                self.find(Code::DatesDisagree, named, message);
            }
        }
        let clauses = self.file.clauses.iter();
        // Without a word of the header the first clause that says it is believed.
        let mut announced = clauses.filter_map(|it| it.announces.as_ref()?.shown.as_ref());
        let shown = header.revision_shown.as_ref().or_else(|| announced.next());
        if let (Some(promised), Some(shown)) = (&announces.shown, shown) {
            let alike = promised
                .get_ref()
                .trim()
                .eq_ignore_ascii_case(shown.get_ref().trim());
            if !alike {
                let message = format!("the day of revision is shown at `{}`", shown.get_ref());
                self.find(Code::NoticeDisagrees, promised, message);
            }
        }
    }
}

/// Whether two domains are alike but for one label that is misspelt: what stands behind it is the
/// same, and what stands before it may differ.
fn is_nearly(domain: &str, own: &str) -> bool {
    let labels = |it: &str| -> Vec<String> {
        let labels = it.rsplit('.');
        labels.map(str::to_ascii_lowercase).collect()
    };
    let pairs = labels(domain).into_iter().zip(labels(own));
    let mut differing = pairs.filter(|(one, other)| one != other);
    differing
        .next()
        .is_some_and(|(one, other)| is_misspelt(&one, &other))
}

fn is_misspelt(label: &str, own: &str) -> bool {
    let length = label.len().min(own.len());
    let changes = if length < LABEL_LENGTH_LONG { 1 } else { 2 };
    // A slip seldom hits the first letter; another word often has another one.
    let begins_alike = label.get(..1) == own.get(..1);
    length >= LABEL_LENGTH_MIN && begins_alike && (1..=changes).contains(&distance(label, own))
}

/// The host of an https address.
fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let place = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().is_ok_and(|it| it > 0)),
        None => (place, true),
    };
    (port && is_domain(host) && !rest.contains(char::is_whitespace)).then_some(host)
}

/// The domain of an e-mail address or of an https address.
fn domain(contact: &str) -> Option<&str> {
    let Some((name, domain)) = contact.split_once('@') else {
        return host(contact);
    };
    let is_allowed = |it: char| it.is_alphanumeric() || "!#$%&'*+-=?^_`{|}~".contains(it);
    let is_part = |it: &str| !it.is_empty() && it.chars().all(is_allowed);
    (name.split('.').all(is_part) && is_domain(domain)).then_some(domain)
}

fn is_domain(domain: &str) -> bool {
    let is_allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
    let is_label = |it: &str| {
        !it.is_empty() && !it.starts_with('-') && !it.ends_with('-') && it.bytes().all(is_allowed)
    };
    // What ends in a number is an address of a machine.
    let is_named = |it: &str| it.bytes().any(|it| it.is_ascii_alphabetic());
    domain.split('.').all(is_label) && domain.rsplit_once('.').is_some_and(|it| is_named(it.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_nearly_another_when_one_label_is_misspelt() {
        let cases = [
            ("exmaple.org", "example.org", true),
            ("exmaple.org", "www.example.org", true),
            ("mail.exmaple.org", "Example.org", true),
            ("example.org", "example.org", false),
            ("example.org", "www.example.org", false),
            ("exmpl.org", "example.org", false),
            ("exmaple.com", "example.org", false),
            ("holzwurm.exmaple", "holzwurm.example", true),
            ("bankside.example", "parkside.example", false),
            ("darkside.example", "parkside.example", false),
            ("sport.example", "sports.example", true),
            ("spor.example", "spors.example", false),
            ("riverbanks.example", "riverparks.example", true),
            ("riverbankt.example", "riverparks.example", false),
            ("rivebanks.example", "riveparks.example", false),
            ("other.www.example", "example", false),
        ];
        for (domain, own, expected) in cases {
            assert_eq!(is_nearly(domain, own), expected, "{domain} {own}");
        }
    }

    #[test]
    fn an_address_is_of_mail_or_of_the_web() {
        let cases = [
            ("privacy@example.org", Some("example.org")),
            ("https://www.example.org/help?x", Some("www.example.org")),
            ("http://www.example.org", None),
            ("https://example", None),
            ("privacy@example", None),
            ("@example.org", None),
            ("our desk@example.org", None),
            ("a@b@example.org", None),
            ("privacy@-example.org", None),
            ("privacy@example..org", None),
            ("privacy@exämple.org", None),
            ("o'neil+desk@example.org", Some("example.org")),
            ("mailto:desk@example.org", None),
            ("desk@1.2.3.4", None),
            ("https://1.2.3.4/help", None),
            (".a..b@example.org", None),
            ("<script>@example.org", None),
            ("https://example.org:8443/help", Some("example.org")),
            ("https://example.org:99999999", None),
            ("https://example.org:0", None),
        ];
        for (address, expected) in cases {
            assert_eq!(domain(address), expected, "{address}");
        }
    }
}
