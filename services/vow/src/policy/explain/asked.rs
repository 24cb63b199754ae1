//! What is asked and of whom, as the command line says it. A word that nobody has is its mistake.

use anyhow::{Context, bail};
use policy::{
    ACTS, Acceptance, Action, AgeBand, CATEGORIES, ConsentEntry, ConsentState, PURPOSES,
    RECIPIENT_KINDS, Recipient, RecipientId, Registry, Request, Rulebook, Standing, Subject, Term,
    did_you_mean, expresses_sale,
};

/// What is asked.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The request")]
pub struct RequestArgs {
    /// Values are taken in at this collection point.
    #[arg(long, value_name = "POINT", requires = "act", group = "action")]
    pub collect: Option<String>,
    /// How the values arrive there.
    #[arg(long, requires = "collect", value_parser = act)]
    act: Option<String>,
    /// Values are opened for the company's own use.
    #[arg(long = "use", group = "action")]
    use_within: bool,
    /// Values are handed to a recipient of this kind.
    #[arg(long, value_name = "KIND", group = "action", value_parser = kind)]
    disclose: Option<String>,
    /// What for. With --collect it may be left out: then it is what the point takes values for.
    #[arg(long, value_parser = purpose)]
    pub purpose: Option<String>,
    /// A data category; may be repeated.
    #[arg(long = "category", value_name = "CATEGORY", value_parser = category)]
    pub categories: Vec<String>,
    /// The request serves an order.
    #[arg(long)]
    order: bool,
    /// An approved case or manifest covers the request.
    #[arg(long)]
    approved: bool,
    /// The answer is about a group and about nobody in it.
    #[arg(long)]
    aggregate: bool,
}

/// Who is asked about.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The person")]
pub struct PersonArgs {
    /// Nobody is known: only a request about a group may do without a person.
    #[arg(long)]
    nobody: bool,
    /// The age the person stated, or `not stated`.
    #[arg(long, value_parser = age, default_value = "adult")]
    age: Age,
    /// Whether anything may be done with the person's data: active, restricted, quarantined or
    /// erased.
    #[arg(long, value_parser = standing, default_value = "active")]
    standing: Standing,
    /// The country of residence, as two capital letters.
    #[arg(long, value_parser = region)]
    region: Option<String>,
    /// How the person accepted the policy.
    #[arg(long, value_parser = acceptance)]
    accepted: Option<Acceptance>,
    /// The person agreed to the transfer of the data abroad.
    #[arg(long)]
    transfer_agreed: bool,
    /// A purpose the person said yes to; may be repeated.
    #[arg(long = "consent", value_name = "PURPOSE", value_parser = answered)]
    consents: Vec<Term>,
    /// Each yes was confirmed from the address it is about.
    #[arg(long, requires = "consents")]
    confirmed: bool,
    /// Each yes is for the recipient that is asked about.
    #[arg(long, requires = "consents")]
    to_recipient: bool,
    /// Each yes has run out.
    #[arg(long, requires = "consents")]
    expired: bool,
    /// A purpose the person said no to; may be repeated.
    #[arg(long = "refusal", value_name = "PURPOSE", value_parser = answered)]
    refusals: Vec<Term>,
    /// A category the person refused to give; may be repeated.
    #[arg(long = "withheld", value_name = "CATEGORY", value_parser = category)]
    pub withheld: Vec<String>,
}

/// An age that was stated, or none.
#[derive(Debug, Clone, Copy)]
struct Age(Option<AgeBand>);

/// The recipient that is asked about, as consents name it.
const RECIPIENT: RecipientId = RecipientId(0);

impl RequestArgs {
    pub fn request<'a>(
        &'a self,
        rulebook: &'a Rulebook,
        categories: &'a [&'a str],
    ) -> anyhow::Result<Request<'a>> {
        let action = match (&self.collect, &self.disclose) {
            (Some(point), _) => {
                let act = self.act.as_deref().unwrap_or_default();
                Action::Collect { point, act }
            }
            (_, Some(kind)) => {
                let id = Some(RECIPIENT);
                let recipient = Recipient { id, kind };
                Action::Disclose { recipient }
            }
            _ if self.use_within => Action::Use,
            _ => bail!("say what is to be done: --collect, --use or --disclose; or --clause"),
        };
        let assumed = || rulebook.purpose_of_point(self.collect.as_deref()?);
        let purpose = self.purpose.as_deref().or_else(assumed);
        let missing = || match &self.collect {
            Some(point) => format!(
                "say what for: --purpose; the policy permits to take nothing in at `{point}`, so \
                 none can be assumed"
            ),
            None => "say what for: --purpose".to_owned(),
        };
        Ok(Request {
            action,
            purpose: purpose.with_context(missing)?,
            categories,
            order: self.order,
            approved: self.approved,
            aggregate: self.aggregate,
        })
    }
}

impl PersonArgs {
    pub fn consents(&self) -> Vec<ConsentEntry> {
        let said = if self.expired {
            ConsentState::Expired
        } else {
            ConsentState::Given
        };
        let recipient = self.to_recipient.then_some(RECIPIENT);
        let entry = |purpose: &Term, recipient, state| ConsentEntry {
            purpose: *purpose,
            recipient,
            state,
            confirmed: self.confirmed,
            expires_at: None,
        };
        let yes = self.consents.iter().map(|it| entry(it, recipient, said));
        let refusals = self.refusals.iter();
        let no = refusals.map(|it| entry(it, None, ConsentState::Refused));
        yes.chain(no).collect()
    }

    pub fn subject<'a>(
        &'a self,
        consents: &'a [ConsentEntry],
    ) -> anyhow::Result<Option<Subject<'a>>> {
        let withheld = CATEGORIES.touching(self.withheld.iter().map(String::as_str));
        let subject = Subject {
            standing: self.standing,
            age_band: self.age.0,
            region: self.region.as_deref(),
            acceptance: self.accepted,
            transfer_agreed: self.transfer_agreed,
            refused: withheld.context("a withheld category is not in the vocabulary")?,
            consents,
        };
        Ok((!self.nobody).then_some(subject))
    }
}

fn category(word: &str) -> Result<String, String> {
    known(&CATEGORIES, word)
}

fn act(word: &str) -> Result<String, String> {
    known(&ACTS, word)
}

/// To ask for a sale is no mistake: it has its own refusal.
fn purpose(word: &str) -> Result<String, String> {
    match expresses_sale(word) {
        true => Ok(word.to_owned()),
        false => known(&PURPOSES, word),
    }
}

fn kind(word: &str) -> Result<String, String> {
    match expresses_sale(word) {
        true => Ok(word.to_owned()),
        false => known(&RECIPIENT_KINDS, word),
    }
}

fn answered(word: &str) -> Result<Term, String> {
    let known = known(&PURPOSES, word)?;
    PURPOSES.term(&known).ok_or(known)
}

/// The word, when the list has it.
fn known(registry: &Registry, word: &str) -> Result<String, String> {
    if registry.term(word).is_some() {
        return Ok(word.to_owned());
    }
    Err(match did_you_mean(word, registry.keys()) {
        Some(question) => format!("the vocabulary has no such word: {question}"),
        None => "the vocabulary has no such word".to_owned(),
    })
}

fn region(word: &str) -> Result<String, String> {
    let is_country = |it: &str| it.len() == 2 && it.bytes().all(|it| it.is_ascii_uppercase());
    let capitals = word.to_ascii_uppercase();
    if is_country(word) {
        return Ok(word.to_owned());
    }
    Err(match is_country(&capitals) {
        true => format!("a country is two capital letters: did you mean `{capitals}`?"),
        false => "a country is the two capital letters of ISO 3166, such as `US`".to_owned(),
    })
}

const NOT_STATED: &str = "not stated";

fn age(words: &str) -> Result<Age, String> {
    use AgeBand::{Adult, From13To15, From16To17, Under13};
    let stated = [Under13, From13To15, From16To17, Adult].map(Some);
    let [child, teenager, minor, adult] = stated.map(Age);
    let said = |it: Age| it.0.map_or(NOT_STATED, AgeBand::words);
    one_of([child, teenager, minor, adult, Age(None)], said, words)
}

fn standing(words: &str) -> Result<Standing, String> {
    use Standing::{Active, Erased, Quarantined, Restricted};
    let said = |it| match it {
        Active => "active",
        Restricted => "restricted",
        Quarantined => "quarantined",
        Erased => "erased",
    };
    one_of([Active, Restricted, Quarantined, Erased], said, words)
}

fn acceptance(words: &str) -> Result<Acceptance, String> {
    use Acceptance::{ContinuedUse, Explicit, Guardian};
    one_of([Explicit, ContinuedUse, Guardian], Acceptance::words, words)
}

/// The one that is said with these words.
fn one_of<const N: usize, T: Copy>(
    all: [T; N],
    said: fn(T) -> &'static str,
    words: &str,
) -> Result<T, String> {
    let found = all.into_iter().find(|it| said(*it) == words);
    found.ok_or_else(|| format!("one of: {}", all.map(said).join(", ")))
}
