//! The rule of a person's standing in the vault.

/// Where a person stands. Every step goes forward: nothing brings an erased person back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Registered here, and not yet known to consent: nobody has been told the id.
    Pending,
    /// Registered.
    Active,
    /// An erasure is under way: nothing is stored or opened any more.
    Erasing,
    /// Every key is gone.
    Erased,
}

/// Why nothing can be stored for a person, or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// There is no such person, or nobody may know yet that there is.
    Unknown,
    /// The person is erased, or about to be.
    Erased,
}

impl State {
    /// Whether values may be stored and opened.
    pub fn admits_values(self) -> Result<(), Barred> {
        match self {
            State::Pending => Err(Barred::Unknown),
            State::Active => Ok(()),
            State::Erasing | State::Erased => Err(Barred::Erased),
        }
    }
}

/// Which fact about a new person is malformed, named by its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The bands of an age. A birth date is never taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeBand {
    /// 13 to 15 years.
    From13To15,
    /// 16 and 17 years.
    From16To17,
    /// 18 years and over.
    Adult,
}

/// What consent must know of a new person. This service passes it on and keeps none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    region: String,
    age_band: AgeBand,
    accepted_policy_version: String,
}

impl Facts {
    /// Takes an ISO 3166-1 alpha-2 region, a band, and the version accepted explicitly or nothing.
    pub fn parse(
        region: &str,
        age_band: Option<AgeBand>,
        accepted_policy_version: &str,
    ) -> Result<Facts, Malformed> {
        if region.len() != 2 || !region.bytes().all(|it| it.is_ascii_uppercase()) {
            return Err(Malformed("region"));
        }
        let age_band = age_band.ok_or(Malformed("age_band"))?;
        let version_is_a_name = accepted_policy_version.len() <= 64
            && accepted_policy_version
                .bytes()
                .all(|it| it.is_ascii_graphic());
        if !version_is_a_name {
            return Err(Malformed("accepted_policy_version"));
        }
        Ok(Facts {
            region: region.to_owned(),
            age_band,
            accepted_policy_version: accepted_policy_version.to_owned(),
        })
    }

    /// The region of residence.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The band of the age.
    pub fn age_band(&self) -> AgeBand {
        self.age_band
    }

    /// The version accepted explicitly; empty when none was.
    pub fn accepted_policy_version(&self) -> &str {
        &self.accepted_policy_version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_person_has_values() {
        for (state, admitted) in [
            (State::Pending, Err(Barred::Unknown)),
            (State::Active, Ok(())),
            (State::Erasing, Err(Barred::Erased)),
            (State::Erased, Err(Barred::Erased)),
        ] {
            assert_eq!(state.admits_values(), admitted, "{state:?}");
        }
    }

    #[test]
    fn a_malformed_fact_is_named() {
        let adult = Some(AgeBand::Adult);
        let long = "v".repeat(65);
        for (region, age_band, version, malformed) in [
            ("DE", adult, "v1", None),
            ("DE", adult, "", None),
            ("DE", adult, &long[..64], None),
            ("DE", adult, &long, Some("accepted_policy_version")),
            ("DE", adult, "v 1", Some("accepted_policy_version")),
            ("DE", None, "v1", Some("age_band")),
            ("de", adult, "v1", Some("region")),
            ("DEU", adult, "v1", Some("region")),
            ("D", adult, "v1", Some("region")),
            ("", adult, "v1", Some("region")),
        ] {
            let refused = Facts::parse(region, age_band, version).err().map(|it| it.0);
            assert_eq!(refused, malformed, "{region} {version}");
        }
    }
}
