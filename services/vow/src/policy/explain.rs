//! `vow policy explain`: why a request is permitted or refused, and what a clause says, in words.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use policy::{
    Acceptance, Action, AgeBand, CATEGORIES, Clause, ConsentEntry, ConsentState, Decision, Effect,
    Enforced, Explanation, PURPOSES, Reason, Recipient, RecipientId, Request, Rulebook, Standing,
    Subject, Verdict,
};

use super::{compiled, read};
use crate::say::say;

/// Explains a decision, or reads a clause aloud.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The policy file (TOML).
    file: PathBuf,
    /// Read this clause aloud, with the line of each rule.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["collect", "use_within", "disclose"])]
    clause: Option<String>,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    person: PersonArgs,
}

/// What is asked.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "The request")]
struct RequestArgs {
    /// Values are taken in at this collection point.
    #[arg(long, value_name = "POINT", requires = "act", group = "action")]
    collect: Option<String>,
    /// How the values arrive there.
    #[arg(long, requires = "collect")]
    act: Option<String>,
    /// Values are opened for the company's own use.
    #[arg(long = "use", group = "action")]
    use_within: bool,
    /// Values are handed to a recipient of this kind.
    #[arg(long, value_name = "KIND", group = "action")]
    disclose: Option<String>,
    /// What for.
    #[arg(long, default_value = "")]
    purpose: String,
    /// A data category; may be repeated.
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
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
struct PersonArgs {
    /// Nobody is known: only a request about a group may do without a person.
    #[arg(long)]
    nobody: bool,
    /// The age the person stated.
    #[arg(long, value_parser = age, default_value = "adult")]
    age: AgeBand,
    /// The two-letter country of residence.
    #[arg(long)]
    region: Option<String>,
    /// How the person accepted the policy.
    #[arg(long, value_parser = acceptance)]
    accepted: Option<Acceptance>,
    /// The person agreed to the transfer of the data abroad.
    #[arg(long)]
    transfer_agreed: bool,
    /// A purpose the person said yes to; may be repeated.
    #[arg(long = "consent", value_name = "PURPOSE")]
    consents: Vec<String>,
    /// Each yes was confirmed from the address it is about.
    #[arg(long, requires = "consents")]
    confirmed: bool,
    /// Each yes is for the recipient that is asked about.
    #[arg(long, requires = "consents")]
    to_recipient: bool,
    /// A purpose the person said no to; may be repeated.
    #[arg(long = "refusal", value_name = "PURPOSE")]
    refusals: Vec<String>,
    /// A category the person refused to give; may be repeated.
    #[arg(long = "withheld", value_name = "CATEGORY")]
    withheld: Vec<String>,
}

/// The recipient that is asked about, as consents name it.
const RECIPIENT: RecipientId = RecipientId(0);

/// Any moment: what a person agreed to here does not end.
const NOW: u64 = 0;

/// Runs `vow policy explain`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rulebook = compiled(&args.file)?;
    if let Some(key) = &args.clause {
        let clause = rulebook.clauses().iter().find(|it| it.key == *key);
        let clause = clause.with_context(|| format!("the policy has no clause `{key}`"))?;
        read_aloud(&args.file, clause);
        return Ok(ExitCode::SUCCESS);
    }
    let categories: Vec<&str> = args.request.categories.iter().map(String::as_str).collect();
    let request = args.request.request(&rulebook, &categories)?;
    let consents = args.person.consents()?;
    let subject = args.person.subject(&consents)?;
    let explanation = policy::explain(&rulebook, subject.as_ref(), &request, NOW);
    tell(&args.file, &rulebook, &explanation);
    let drafts = policy::compile_with_drafts(&read(&args.file)?)?;
    let drafted = policy::explain(&drafts, subject.as_ref(), &request, NOW).decision;
    tell_drafts(explanation.decision.effect, &drafted);
    Ok(ExitCode::SUCCESS)
}

/// What would be answered otherwise if the drafts decided too.
fn tell_drafts(effect: Effect, drafted: &Decision<'_>) {
    let clauses = drafted.clauses.join(", ");
    match (effect, drafted.reason) {
        (Effect::Deny, None) => {
            say!("it would be permitted by {clauses}, once what is a draft there is enforced");
        }
        (Effect::Permit, Some(reason)) => say!(
            "a draft would refuse this: {} by {clauses}: {}",
            reason.as_str(),
            reason.explanation()
        ),
        _ => {}
    }
}

impl RequestArgs {
    fn request<'a>(
        &'a self,
        rulebook: &'a Rulebook,
        categories: &'a [&'a str],
    ) -> anyhow::Result<Request<'a>> {
        let (action, declared) = match (&self.collect, &self.disclose) {
            (Some(point), _) => {
                let act = self.act.as_deref().unwrap_or_default();
                (
                    Action::Collect { point, act },
                    rulebook.purpose_of_point(point),
                )
            }
            (_, Some(kind)) => {
                let recipient = Recipient {
                    id: Some(RECIPIENT),
                    kind,
                };
                (Action::Disclose { recipient }, None)
            }
            _ if self.use_within => (Action::Use, None),
            _ => bail!("say what is to be done: --collect, --use or --disclose; or --clause"),
        };
        let purpose = match self.purpose.as_str() {
            "" => declared.context("say what for: --purpose")?,
            purpose => purpose,
        };
        let Self {
            order,
            approved,
            aggregate,
            ..
        } = *self;
        Ok(Request {
            action,
            purpose,
            categories,
            order,
            approved,
            aggregate,
        })
    }
}

impl PersonArgs {
    fn consents(&self) -> anyhow::Result<Vec<ConsentEntry>> {
        let yes = self.consents.iter().map(|it| (it, ConsentState::Given));
        let all = yes.chain(self.refusals.iter().map(|it| (it, ConsentState::Refused)));
        let recipient = self.to_recipient.then_some(RECIPIENT);
        all.map(|(purpose, state)| {
            let term = PURPOSES.term(purpose);
            Ok(ConsentEntry {
                purpose: term.with_context(|| format!("`{purpose}` is no purpose"))?,
                recipient: recipient.filter(|_| state == ConsentState::Given),
                state,
                confirmed: self.confirmed,
                expires_at: None,
            })
        })
        .collect()
    }

    fn subject<'a>(&'a self, consents: &'a [ConsentEntry]) -> anyhow::Result<Option<Subject<'a>>> {
        let withheld = CATEGORIES.touching(self.withheld.iter().map(String::as_str));
        let subject = Subject {
            standing: Standing::Active,
            age_band: Some(self.age),
            region: self.region.as_deref(),
            acceptance: self.accepted,
            transfer_agreed: self.transfer_agreed,
            refused: withheld.context("a withheld category is not in the vocabulary")?,
            consents,
        };
        Ok((!self.nobody).then_some(subject))
    }
}

fn age(words: &str) -> Result<AgeBand, String> {
    use AgeBand::{Adult, From13To15, From16To17, Under13};
    one_of(
        [Under13, From13To15, From16To17, Adult],
        AgeBand::words,
        words,
    )
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

fn tell(file: &Path, rulebook: &Rulebook, explanation: &Explanation<'_>) {
    let decision = &explanation.decision;
    let clauses = match decision.clauses.as_slice() {
        [] => "no clause".to_owned(),
        clauses => clauses.join(", "),
    };
    match decision.reason {
        None => say!("PERMITTED by {clauses}"),
        Some(reason) => say!(
            "REFUSED {} by {clauses}: {}",
            reason.as_str(),
            reason.explanation()
        ),
    }
    for step in &explanation.steps {
        let words = words_at(rulebook, step.start);
        let because = |reason: Reason| format!("{}: {}", reason.as_str(), reason.explanation());
        let (place, clause) = (format!("{}:{}", file.display(), step.line), step.clause);
        match step.verdict {
            Verdict::Permits => say!("{place}: {clause} permits to {words}"),
            Verdict::FallsShort(reason) => {
                say!(
                    "{place}: {clause} permits to {words}; not this: {}",
                    because(reason)
                );
            }
            Verdict::Refuses(reason) => {
                say!("{place}: {clause} forbids to {words}; {}", because(reason));
            }
            Verdict::Lifted => say!("{place}: {clause} forbids to {words}; its condition is met"),
        }
    }
}

/// The rule that begins at a place of the text, in words.
fn words_at(rulebook: &Rulebook, start: usize) -> &str {
    let mut rules = rulebook.clauses().iter().flat_map(|it| &it.rules);
    rules
        .find(|it| it.start == start)
        .map_or("", |it| &it.words)
}

fn read_aloud(file: &Path, clause: &Clause) {
    say!("{}: {}", clause.key, clause.title);
    say!("{}", clause.says.replace('\n', " "));
    match clause.enforced {
        Enforced::NotYet => say!("It is a draft: its rules decide nothing yet."),
        enforced => say!("It is enforced {}.", enforced.words()),
    }
    for rule in &clause.rules {
        let is = if rule.decides { "is" } else { "would be" };
        let what = if rule.permits {
            "permitted"
        } else {
            "forbidden"
        };
        say!(
            "{}:{}: It {is} {what} to {}.",
            file.display(),
            rule.line,
            rule.words
        );
    }
}
