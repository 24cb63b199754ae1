//! The faults of what stands above the clauses: dates, notices, addresses.

use toml::Spanned;
use toml::value::Datetime;

use super::{KEY_FORM, Linter, is_key};
use crate::finding::Code;
use crate::language::{Announcement, Header};
use crate::nearest::distance;

/// The shortest name that is compared with a domain: shorter ones are alike by chance.
const NAME_LENGTH_MIN: usize = 5;

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
        if value.date.is_none() || value.time.is_some() || value.offset.is_some() {
            let message = "write a day such as 2016-06-21";
            self.find(Code::MalformedDate, date, message);
        }
    }

    fn contact(&mut self, header: &Header, contact: &Spanned<String>) {
        let Some(domain) = domain(contact.get_ref()) else {
            let message = "write an e-mail address or an https address";
            return self.find(Code::MalformedContact, contact, message);
        };
        let site = header.site.as_ref().and_then(|it| host(it.get_ref()));
        let own = site.into_iter().flat_map(|it| it.split('.'));
        // A title is prose, whose words are near to many a domain by chance.
        let words = header.name.get_ref().split(['.', '-', '_']);
        let own: Vec<String> = own.chain(words).map(str::to_ascii_lowercase).collect();
        for label in domain.to_ascii_lowercase().split('.') {
            if label.len() < NAME_LENGTH_MIN || own.iter().any(|it| it == label) {
                continue;
            }
            let is_near = |it: &&String| it.len() >= NAME_LENGTH_MIN && distance(it, label) <= 2;
            if let Some(meant) = own.iter().find(is_near) {
                let message = format!("`{domain}` is nearly `{meant}`: is it misspelt?");
                return self.find(Code::ContactMisspelt, contact, message);
            }
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
        if let (Some(promised), Some(shown)) = (&announces.shown, &header.revision_shown) {
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
